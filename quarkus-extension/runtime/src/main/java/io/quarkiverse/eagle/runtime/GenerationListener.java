package io.quarkiverse.eagle.runtime;

import java.time.Duration;

import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.ReplayReason;

/**
 * Hears what becomes of a request, or of all requests of a model. Slots, replays and cycles are told on the decode loop's
 * thread, which must not wait; all else on the threads that serve subscribers. Every request is told of once by
 * {@link #finished}, {@link #cancelled} or {@link #failed}.
 */
public interface GenerationListener {

    /** Hears nothing. */
    GenerationListener NONE = new GenerationListener() {
    };

    /**
     * A request got its first slot.
     *
     * @param waited nanoseconds in the queue
     * @param cachedTokens leading tokens of its prompt that the slot still held
     */
    default void admitted(long waited, int cachedTokens) {
    }

    /** What a request had read already has to be read again. */
    default void replayed(ReplayReason reason) {
    }

    /**
     * Where the time of the cycle that is told next went, this sequence's share of it, in nanoseconds.
     *
     * @param draft steps of the draft head
     * @param verify the target's step
     * @param host everything else since the cycle before
     */
    default void timed(long draft, long verify, long host) {
    }

    /**
     * A draft-verify cycle ended.
     *
     * @param drafted nodes of the tree
     * @param depth of its deepest node, 0 without nodes
     * @param tokens tokens that it brought, at least 1
     */
    default void cycle(int drafted, int depth, int tokens) {
    }

    /**
     * A request got its first token.
     *
     * @param sinceRequest from the request, its time in the queue included
     */
    default void firstToken(Duration sinceRequest) {
    }

    /** A token was handed over, the first one included. */
    default void token() {
    }

    /** A generation came to its end. */
    default void finished(GenerationResult result) {
    }

    /** A consumer left. */
    default void cancelled() {
    }

    /** A request was refused, or its generation failed. */
    default void failed(Throwable reason) {
    }
}
