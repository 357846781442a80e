package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/**
 * GGUF's Q5_0 and Q5_1: as {@link FourBitBlocks}, with a 32-bit word before the quants that holds the fifth bit of every
 * element. Q5_0 counts from -16, Q5_1 from its minimum.
 */
final class FiveBitBlocks implements BlockFormat {

    private static final int ELEMENTS = 32;

    private final boolean minimum;

    FiveBitBlocks(boolean minimum) {
        this.minimum = minimum;
    }

    @Override
    public String name() {
        return minimum ? "Q5_1" : "Q5_0";
    }

    @Override
    public int elements() {
        return ELEMENTS;
    }

    @Override
    public int bytes() {
        return (minimum ? 4 : 2) + 4 + ELEMENTS / 2;
    }

    @Override
    public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
        int half = ELEMENTS / 2;
        int zero = minimum ? 0 : 16;
        for (int block = 0; block < blocks; block++, position += bytes(), offset += ELEMENTS) {
            float scale = FloatFormat.half(in.getShort(position));
            float base = minimum ? FloatFormat.half(in.getShort(position + 2)) : 0;
            int quants = position + bytes() - half;
            int fifths = in.getInt(quants - 4);
            for (int i = 0; i < half; i++) {
                int pair = in.get(quants + i);
                int low = pair & 0xf | (fifths >>> i & 1) << 4;
                int high = pair >> 4 & 0xf | (fifths >>> i + half & 1) << 4;
                out[offset + i] = scale * (low - zero) + base;
                out[offset + half + i] = scale * (high - zero) + base;
            }
        }
    }
}
