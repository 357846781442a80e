package io.quarkiverse.eagle.graph.model;

import java.util.Locale;

import io.quarkiverse.eagle.graph.onnx.ElementType;

/** How a graph computes. */
public enum Precision {
    /** 8-bit weights per output channel, 8-bit activations per row, everything else in float32. For CPUs. */
    INT8(ElementType.FLOAT),
    FP32(ElementType.FLOAT),
    /** For GPUs. */
    FP16(ElementType.FLOAT16),
    /** For GPUs. */
    BF16(ElementType.BFLOAT16);

    private final ElementType activations;

    Precision(ElementType activations) {
        this.activations = activations;
    }

    /** Type of activations, norms and the KV pool. */
    public ElementType activations() {
        return activations;
    }

    /** The name on the command line and in manifests. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
