package io.quarkiverse.eagle.graph.checkpoint;

/**
 * A trained EAGLE or EAGLE-2 draft head (both share one checkpoint form): {@code fc.weight [h, 2h]}, optional
 * {@code fc.bias [h]}, decoder layers {@code layers.N.…} of the target's kind, the first without an input norm.
 */
public interface DraftHead extends Head {

    /** Dimensions of the head's own layers; {@link ModelConfig#layers()} is usually 1. */
    ModelConfig config();

    /** Whether {@code fc} has a bias. */
    boolean fcBias();
}
