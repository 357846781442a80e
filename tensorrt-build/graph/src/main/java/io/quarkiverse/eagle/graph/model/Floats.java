package io.quarkiverse.eagle.graph.model;

import java.nio.ByteBuffer;

import io.quarkiverse.eagle.graph.onnx.ElementType;

/** Stores float32 values in the element types that graphs use, rounding to nearest, ties to even. */
final class Floats {

    private Floats() {
    }

    static void put(ByteBuffer into, ElementType type, float value) {
        switch (type) {
            case FLOAT -> into.putFloat(value);
            case FLOAT16 -> into.putShort(half(value));
            case BFLOAT16 -> into.putShort(bfloat16(value));
            default -> throw new IllegalArgumentException(type + " holds no floating-point numbers");
        }
    }

    static short bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }

    /** IEEE 754 binary16; values beyond its range become infinite. */
    static short half(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = bits >>> 16 & 0x8000;
        int magnitude = bits & 0x7FFFFFFF;
        if (magnitude > 0x7F800000) {
            return (short) (sign | 0x7E00);
        }
        if (magnitude >= 0x477FF000) {
            return (short) (sign | 0x7C00);
        }
        if (magnitude >= 0x38800000) {
            int rounded = magnitude + 0xFFF + (magnitude >>> 13 & 1);
            return (short) (sign | rounded - 0x38000000 >>> 13);
        }
        if (magnitude <= 0x33000000) {
            return (short) sign;
        }
        // Subnormal: shift the mantissa with its hidden bit into place.
        int exponent = magnitude >>> 23;
        int mantissa = magnitude & 0x7FFFFF | 0x800000;
        int shift = 126 - exponent;
        int rest = mantissa & (1 << shift) - 1;
        int halfway = 1 << shift - 1;
        int result = mantissa >>> shift;
        if (rest > halfway || rest == halfway && (result & 1) == 1) {
            result++;
        }
        return (short) (sign | result);
    }
}
