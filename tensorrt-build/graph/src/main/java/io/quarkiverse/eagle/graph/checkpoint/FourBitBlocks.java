package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/**
 * GGUF's Q4_0 and Q4_1: a half-precision scale, for Q4_1 a half-precision minimum, and 16 bytes whose low halves are elements
 * 0 to 15 and whose high halves are elements 16 to 31. Q4_0 counts from -8, Q4_1 from its minimum.
 */
final class FourBitBlocks implements BlockFormat {

    private static final int ELEMENTS = 32;

    private final boolean minimum;

    FourBitBlocks(boolean minimum) {
        this.minimum = minimum;
    }

    @Override
    public String name() {
        return minimum ? "Q4_1" : "Q4_0";
    }

    @Override
    public int elements() {
        return ELEMENTS;
    }

    @Override
    public int bytes() {
        return (minimum ? 4 : 2) + ELEMENTS / 2;
    }

    @Override
    public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
        int half = ELEMENTS / 2;
        int zero = minimum ? 0 : 8;
        for (int block = 0; block < blocks; block++, position += bytes(), offset += ELEMENTS) {
            float scale = FloatFormat.half(in.getShort(position));
            float base = minimum ? FloatFormat.half(in.getShort(position + 2)) : 0;
            int quants = position + bytes() - half;
            for (int i = 0; i < half; i++) {
                int pair = in.get(quants + i);
                out[offset + i] = scale * ((pair & 0xf) - zero) + base;
                out[offset + half + i] = scale * ((pair >> 4 & 0xf) - zero) + base;
            }
        }
    }
}
