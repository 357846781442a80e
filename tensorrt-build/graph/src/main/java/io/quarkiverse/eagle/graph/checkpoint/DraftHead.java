package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;

/**
 * A trained EAGLE or EAGLE-2 draft head (both share one checkpoint form): {@code fc.weight [h, 2h]}, optional
 * {@code fc.bias [h]}, decoder layers {@code layers.N.…} of the target's kind, the first without an input norm.
 */
public interface DraftHead extends Closeable {

    /** Where the head comes from, for messages. */
    String source();

    /** Dimensions of the head's own layers; {@link ModelConfig#layers()} is usually 1. */
    ModelConfig config();

    Checkpoint checkpoint();

    /** Whether {@code fc} has a bias. */
    boolean fcBias();

    /** All token ids, most frequent first; empty when the head brings no {@code token_frequency.json}. */
    int[] tokensByFrequency();
}
