package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/** Floating-point numbers, one by one. */
enum FloatFormat implements BlockFormat {

    F32(4) {
        @Override
        public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
            in.slice(position, blocks * 4).order(in.order()).asFloatBuffer().get(out, offset, blocks);
        }
    },

    F16(2) {
        @Override
        public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
            for (int i = 0; i < blocks; i++) {
                out[offset + i] = half(in.getShort(position + 2 * i));
            }
        }
    },

    /** The upper half of a float32. */
    BF16(2) {
        @Override
        public void decode(ByteBuffer in, int position, int blocks, float[] out, int offset) {
            for (int i = 0; i < blocks; i++) {
                out[offset + i] = Float.intBitsToFloat(in.getShort(position + 2 * i) << 16);
            }
        }
    };

    private static final int HALF_MANTISSA = 0x3ff;
    private static final int HALF_EXPONENT = 0x1f;
    private static final float SMALLEST_HALF = 0x1p-24f;

    private final int bytes;

    FloatFormat(int bytes) {
        this.bytes = bytes;
    }

    @Override
    public int elements() {
        return 1;
    }

    @Override
    public int bytes() {
        return bytes;
    }

    /** An IEEE 754 binary16 number, exactly. */
    static float half(short bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = bits >>> 10 & HALF_EXPONENT;
        int mantissa = bits & HALF_MANTISSA;
        if (exponent == 0) {
            float magnitude = mantissa * SMALLEST_HALF;
            return sign == 0 ? magnitude : -magnitude;
        }
        int wide = exponent == HALF_EXPONENT ? 0xff : exponent + 112;
        return Float.intBitsToFloat(sign | wide << 23 | mantissa << 13);
    }
}
