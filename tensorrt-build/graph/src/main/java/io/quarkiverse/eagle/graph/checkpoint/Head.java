package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;

/** Trained weights that propose tokens from the target's features. */
public interface Head extends Closeable {

    /** Where the head comes from, for messages. */
    String source();

    Checkpoint checkpoint();

    /** All token ids, most frequent first; empty when the head brings no {@code token_frequency.json}. */
    int[] tokensByFrequency();
}
