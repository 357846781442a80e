package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.engine.StepResult;

/**
 * Proposes draft trees. The output of decoding never depends on what is proposed, only its speed does. Called from the decode
 * loop alone.
 */
public interface Drafter extends AutoCloseable {

    /** The name that requests and configuration use. */
    String name();

    /**
     * A sequence takes its slot; what the drafter knew of the slot before is void. The slot's first rows in the target's pool
     * may hold the sequence's own first tokens already; these rows are not observed again.
     *
     * @param heldRows how many they are, 0 for none
     * @return how many of them the drafter can do without observing; the target reads the others again
     */
    int begin(Draftable sequence, int heldRows);

    /**
     * As {@link #begin(Draftable, int)}, when the rows are about to be copied from another slot of the target's pool. A drafter
     * that holds rows of that slot too may copy its own.
     *
     * @param source the other slot; the sequence that has it, if any, goes on
     */
    default int begin(Draftable sequence, int heldRows, int source) {
        return begin(sequence, heldRows);
    }

    /**
     * How many of a sequence's first rows the drafter could do without observing, if the sequence took over what a slot holds.
     *
     * @param slot the slot, which may be another sequence's
     * @param sequence need not have a slot yet
     * @param rows how many of its rows the target's slot holds
     */
    default int holds(int slot, Draftable sequence, int rows) {
        return rows;
    }

    /** What the drafter's engines hold of all slots is void, also of those that no sequence has. */
    default void forget() {
        // Without an engine nothing can be lost.
    }

    /**
     * The target has seen a row whose next token is now known: prompt rows while the prompt is read, and the accepted path
     * after each verification, in order.
     *
     * @param result the target's step
     * @param b the sequence's place in it
     * @param row the row
     * @param nextToken the token that follows
     */
    void observe(Draftable sequence, StepResult result, int b, int row, int nextToken);

    /** Fills the tree of every sequence; an empty tree means plain decoding for this cycle. */
    void propose(List<? extends Draftable> sequences);

    /** Whether {@link #verified} looks at rows by their nodes, so that also nodes that cannot be accepted have to stay. */
    default boolean readsItsNodes() {
        return false;
    }

    /**
     * What became of a proposed tree. Comes before the accepted tokens are observed.
     *
     * @param result the target's step: row 0 is the root, row {@code i + 1} the tree's node {@code i}
     * @param b the sequence's place in it
     * @param emitted tokens that the cycle brought, at least 1
     */
    void verified(Draftable sequence, StepResult result, int b, int emitted);

    @Override
    void close();
}
