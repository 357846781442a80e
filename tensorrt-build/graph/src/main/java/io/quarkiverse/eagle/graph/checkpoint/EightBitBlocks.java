package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/** GGUF's Q8_0: a half-precision scale and 32 signed bytes. */
final class EightBitBlocks implements BlockFormat {

    private static final int ELEMENTS = 32;
    private static final int BYTES = 2 + ELEMENTS;

    @Override
    public String name() {
        return "Q8_0";
    }

    @Override
    public int elements() {
        return ELEMENTS;
    }

    @Override
    public int bytes() {
        return BYTES;
    }

    @Override
    public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
        for (int block = 0; block < blocks; block++, position += BYTES, offset += ELEMENTS) {
            float scale = FloatFormat.half(in.getShort(position));
            for (int i = 0; i < ELEMENTS; i++) {
                out[offset + i] = scale * in.get(position + 2 + i);
            }
        }
    }
}
