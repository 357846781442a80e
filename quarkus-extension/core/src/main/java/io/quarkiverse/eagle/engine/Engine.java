package io.quarkiverse.eagle.engine;

import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * An executable model: one graph over a pool of KV slots. Steps are asynchronous and never interrupted half-way; one step runs
 * at a time, in the order of the calls.
 * <p>
 * Within a sequence's slot, rows before {@code window_start} are final. A step rewrites the rows to keep at the window's
 * start, appends its own rows, and lets each row see all final rows and whatever {@code window_mask} allows inside the window.
 * Every row's result is the same to the last bit whatever else is in the step, provided that at least {@value #MIN_ROWS} rows
 * run; callers add a padding row to a lone one.
 */
public interface Engine extends AutoCloseable {

    /** With fewer rows another matrix kernel runs, whose sums differ in the last bit. */
    int MIN_ROWS = 2;

    EngineShape shape();

    /**
     * Nanoseconds by the clock that tells how long this engine's steps take, as of {@link System#nanoTime}; a simulated engine
     * has a clock of its own.
     */
    default long nanoTime() {
        return System.nanoTime();
    }

    /**
     * Runs one step.
     *
     * @param request read until the stage completes
     * @param result filled when the stage completes; its buffers belong to the caller and are reused from step to step
     * @return completes with {@code result}, exceptionally with an {@link EngineException}; with a {@link PoolLostException}
     *         when
     *         what the slots hold is gone or in doubt
     */
    CompletionStage<StepResult> step(StepRequest request, StepResult result);

    /**
     * Fetches the full logits of a row of the step that filled {@code result}, when {@link StepResult#hasLogits} is false.
     * Only valid until the next step of this engine.
     *
     * @param b the sequence's place in the step
     * @param r the output row
     * @return completes with {@code result}, which has that row's logits then
     */
    CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r);

    /** The way to draft all levels of a tree in one request, for a draft head's engine that has one. */
    default Optional<TreeDrafting> treeDrafting() {
        return Optional.empty();
    }

    /** The way to copy rows between slots, for an engine that has one at this moment. */
    default Optional<RowCopying> rowCopying() {
        return Optional.empty();
    }

    /**
     * Whether {@link #step} returns at once and the step is computed elsewhere, so that another engine's steps can run beside
     * it without slowing it down.
     */
    default boolean runsElsewhere() {
        return false;
    }

    /** Waits for a running step and frees everything. Closing twice does nothing. */
    @Override
    void close();
}
