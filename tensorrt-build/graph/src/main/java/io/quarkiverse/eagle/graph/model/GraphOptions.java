package io.quarkiverse.eagle.graph.model;

/**
 * How the graphs of a bundle are built.
 *
 * @param runtime where they will run
 * @param precision how they compute
 * @param update how a step hands back the KV pool
 * @param slots sequences of the pool
 * @param maxLength most tokens of one sequence
 * @param draftVocabulary most frequent tokens that the draft can propose, 0 for all
 * @param draftCandidates how the draft finds its best tokens; null to compute every logit
 */
public record GraphOptions(Runtime runtime, Precision precision, KvUpdate update, int slots, int maxLength,
        int draftVocabulary, DraftCandidates draftCandidates) {

    /** Rows per sequence of one step, at most: the prefill chunk and the largest tree. */
    public static final int MAX_ROWS = 128;

    /** Longest sequences of int8 graphs, whose attention sums integers exactly. */
    public static final int LONGEST_INT8 = 8192;

    /** Best tokens that a target row returns. */
    public static final int TARGET_TOP_K = 64;

    /** Best tokens that a draft row returns. */
    public static final int DRAFT_TOP_K = 10;

    /** Where a graph will run. */
    public enum Runtime {
        /** In process on a CPU: the pool's rows are laid out for the length in use, masks are added. */
        ONNXRUNTIME,
        /** On a GPU: the pool has its full length and is sliced, masks are boolean. */
        TENSORRT;

        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /** The draft computes every logit. */
    public GraphOptions(Runtime runtime, Precision precision, KvUpdate update, int slots, int maxLength, int draftVocabulary) {
        this(runtime, precision, update, slots, maxLength, draftVocabulary, null);
    }

    public GraphOptions {
        require(slots >= 1 && slots <= 64, "slots is " + slots + "; it must be between 1 and 64");
        require(maxLength >= 16, "max length is " + maxLength + "; it must be at least 16");
        require(precision != Precision.INT8 || maxLength <= LONGEST_INT8, "max length is " + maxLength
                + "; int8 attention is exact up to " + LONGEST_INT8 + " tokens, use less, or fp32");
        require(draftVocabulary >= 0, "draft vocabulary is " + draftVocabulary + "; it must be positive, or 0 for all tokens");
        require(draftCandidates == null || draftVocabulary == 0, "candidates are found among all tokens; leave out the draft"
                + " vocabulary of " + draftVocabulary);
        require(runtime != Runtime.TENSORRT || precision != Precision.INT8,
                "precision int8 is made for CPUs; use fp16 or bf16 for TensorRT");
        require(runtime != Runtime.TENSORRT || precision != Precision.FP32,
                "precision fp32 has no fast attention kernel in TensorRT; use fp16 or bf16");
        require(runtime != Runtime.ONNXRUNTIME || precision == Precision.INT8 || precision == Precision.FP32,
                "ONNX Runtime on a CPU has no " + precision.text() + " attention; use int8 or fp32"
                        + (precision.keepsQuantized() ? ", which read quantised checkpoints too" : ""));
    }

    /** Rows of the pool per slot: padding and idle slots write past the last token. */
    int poolRows() {
        return maxLength + 2 * MAX_ROWS;
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
