package io.quarkiverse.eagle.graph.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.Float8Matrix;
import io.quarkiverse.eagle.graph.checkpoint.Int4Matrix;
import io.quarkiverse.eagle.graph.checkpoint.TensorInfo;
import io.quarkiverse.eagle.graph.onnx.ElementType;

/** How a graph computes. */
public enum Precision {
    /** 8-bit weights per output channel, 8-bit activations per row, everything else in float32. For CPUs. */
    INT8(ElementType.FLOAT, null),
    FP32(ElementType.FLOAT, null),
    /** For GPUs. */
    FP16(ElementType.FLOAT16, null),
    /** For GPUs. */
    BF16(ElementType.BFLOAT16, null),
    /** The checkpoint's own 4-bit weights, everything else as in {@link #FP16}. For GPUs. */
    INT4_FP16(ElementType.FLOAT16, Int4Matrix.TYPE),
    /** The checkpoint's own 4-bit weights, everything else as in {@link #BF16}. For GPUs. */
    INT4_BF16(ElementType.BFLOAT16, Int4Matrix.TYPE),
    /** The checkpoint's own 8-bit floating-point weights and input scales, everything else as in {@link #FP16}. For GPUs. */
    FP8_FP16(ElementType.FLOAT16, Float8Matrix.TYPE),
    /** The checkpoint's own 8-bit floating-point weights and input scales, everything else as in {@link #BF16}. For GPUs. */
    FP8_BF16(ElementType.BFLOAT16, Float8Matrix.TYPE);

    private final ElementType activations;
    private final String quantized;

    Precision(ElementType activations, String quantized) {
        this.activations = activations;
        this.quantized = quantized;
    }

    /** The precision for a GPU that takes a checkpoint as it is: its quantised matrices, and its 16-bit type. */
    public static Precision of(Checkpoint checkpoint) {
        TensorInfo embedding = checkpoint.tensors().get(Embedding.TENSOR);
        ElementType type = embedding != null && embedding.type().equals("BF16") ? ElementType.BFLOAT16 : ElementType.FLOAT16;
        String quantized = quantizedType(checkpoint);
        return Arrays.stream(values())
                .filter(precision -> precision.activations == type && Objects.equals(precision.quantized, quantized))
                .findFirst().orElseThrow();
    }

    private static String quantizedType(Checkpoint checkpoint) {
        return checkpoint.tensors().values().stream().map(TensorInfo::type)
                .filter(type -> type.equals(Int4Matrix.TYPE) || type.equals(Float8Matrix.TYPE)).findFirst().orElse(null);
    }

    /**
     * @throws CheckpointException when graphs of this precision need quantised matrices that a checkpoint does not bring, or
     *         not
     *         with all that TensorRT wants
     */
    void check(Checkpoint checkpoint) {
        if (quantized == null) {
            return;
        }
        String found = quantizedType(checkpoint);
        if (!quantized.equals(found)) {
            throw new CheckpointException("precision " + text() + " takes " + quantized + " weights from the checkpoint, but "
                    + checkpoint.source() + " has " + (found == null ? "none that are quantised" : found + " weights")
                    + "; quantise the model first (docs/tensorrt.md says how), or use " + of(checkpoint).text());
        }
        for (TensorInfo tensor : checkpoint.tensors().values()) {
            if (tensor.type().equals(Float8Matrix.TYPE)
                    && Float.isNaN(((Float8Matrix) checkpoint.quantized(tensor.name())).inputScale())) {
                throw new CheckpointException("tensor " + tensor.name() + " of " + checkpoint.source()
                        + " has no input_scale: its input is quantised per token while the model runs, or not at all, for which"
                        + " TensorRT has no form; quantise the model with static input scales, or use "
                        + (activations == ElementType.FLOAT16 ? FP16 : BF16).text() + ", which gives its weights 16 bits");
            }
        }
    }

    /** Whether matrices are taken from the checkpoint in their quantised form. */
    boolean keepsQuantized() {
        return quantized != null;
    }

    /** Bits of a weight in the matrices that steps read. */
    public int weightBits() {
        if (quantized == null) {
            return this == INT8 ? 8 : 8 * activations.bytes();
        }
        return quantized.equals(Int4Matrix.TYPE) ? 4 : 8;
    }

    /** Type of activations, norms and the KV pool. */
    public ElementType activations() {
        return activations;
    }

    /** The name on the command line and in manifests. */
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
