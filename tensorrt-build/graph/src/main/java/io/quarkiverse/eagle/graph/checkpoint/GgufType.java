package io.quarkiverse.eagle.graph.checkpoint;

import java.util.Map;

/** The tensor types of GGUF files: what they are called, and the formats of those that can be decoded. */
final class GgufType {

    private static final Map<Integer, BlockFormat> FORMATS = Map.of(
            0, FloatFormat.F32,
            1, FloatFormat.F16,
            2, new FourBitBlocks(false),
            3, new FourBitBlocks(true),
            6, new FiveBitBlocks(false),
            7, new FiveBitBlocks(true),
            8, new EightBitBlocks(),
            30, FloatFormat.BF16);

    private static final Map<Integer, String> OTHERS = Map.ofEntries(
            Map.entry(9, "Q8_1"), Map.entry(10, "Q2_K"), Map.entry(11, "Q3_K"), Map.entry(12, "Q4_K"),
            Map.entry(13, "Q5_K"), Map.entry(14, "Q6_K"), Map.entry(15, "Q8_K"), Map.entry(16, "IQ2_XXS"),
            Map.entry(17, "IQ2_XS"), Map.entry(18, "IQ3_XXS"), Map.entry(19, "IQ1_S"), Map.entry(20, "IQ4_NL"),
            Map.entry(21, "IQ3_S"), Map.entry(22, "IQ2_S"), Map.entry(23, "IQ4_XS"), Map.entry(24, "I8"),
            Map.entry(25, "I16"), Map.entry(26, "I32"), Map.entry(27, "I64"), Map.entry(28, "F64"),
            Map.entry(29, "IQ1_M"), Map.entry(34, "TQ1_0"), Map.entry(35, "TQ2_0"), Map.entry(39, "MXFP4"));

    private GgufType() {
    }

    static String name(int type) {
        BlockFormat format = FORMATS.get(type);
        return format != null ? format.name() : OTHERS.getOrDefault(type, "number " + type);
    }

    /** @throws CheckpointException when the type cannot be decoded */
    static BlockFormat format(int type, String tensor, String file) {
        BlockFormat format = FORMATS.get(type);
        if (format == null) {
            throw new CheckpointException(file + ": tensor " + tensor + " has type " + name(type)
                    + ", which cannot be decoded; convert the model to F16, Q8_0, Q5_0, Q5_1, Q4_0 or Q4_1");
        }
        return format;
    }
}
