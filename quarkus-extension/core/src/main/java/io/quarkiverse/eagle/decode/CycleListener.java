package io.quarkiverse.eagle.decode;

import io.quarkiverse.eagle.tree.DraftTree;

/**
 * Sees every draft-verify cycle of a sequence, and how it comes to its slots, on the decode loop's thread: be quick, keep
 * nothing of the arguments.
 */
@FunctionalInterface
public interface CycleListener {

    /**
     * A cycle was verified.
     *
     * @param root the token that the tree grew from
     * @param tree what was proposed
     * @param accepted indices of the accepted nodes, in order, in its first {@code emittedCount - 1} places
     * @param emitted the tokens that the cycle brought
     */
    void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount);

    /**
     * Where the time of the cycle that is told next went, this sequence's share of it, in nanoseconds.
     *
     * @param draft steps of the draft head
     * @param verify the target's step
     * @param host everything else since the cycle before: choosing, sampling, emitting
     */
    default void timed(long draft, long verify, long host) {
        // Most listeners look at trees only.
    }

    /**
     * The sequence got its first slot.
     *
     * @param waited nanoseconds since it was submitted
     * @param cachedTokens leading tokens of the prompt that the slot still held
     */
    default void admitted(long waited, int cachedTokens) {
        // Most listeners look at trees only.
    }

    /** Tokens that the target had read have to be read again. */
    default void replayed(ReplayReason reason) {
        // Most listeners look at trees only.
    }
}
