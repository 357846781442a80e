package io.quarkiverse.eagle.engine;

import java.util.concurrent.CompletionStage;

/**
 * Copies rows from slot to slot of an engine's pool, between steps. Final rows never change, so they may be copied while the
 * sequence that wrote them goes on.
 */
public interface RowCopying {

    /**
     * Copies the first rows of a slot to the same places of another one. What the other one held there, and behind them, is
     * void.
     *
     * @param source a slot of which at least so many rows are final
     * @param slot another slot
     * @param rows at least 1
     * @return completes when the rows are there, or fails as a step does
     */
    CompletionStage<Void> copy(int source, int slot, int rows);
}
