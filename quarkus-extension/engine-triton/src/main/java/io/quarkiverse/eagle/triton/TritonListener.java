package io.quarkiverse.eagle.triton;

import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.triton.client.TritonEndpoint;

/**
 * Is told what engines do, for metrics. Called on network threads: must return soon and throw nothing.
 */
public interface TritonListener {

    /** Hears nothing. */
    TritonListener NONE = new TritonListener() {
    };

    /**
     * A step was answered.
     *
     * @param model the engine's name at the server
     * @param rows new rows of all sequences
     * @param nanoseconds from sending to having the results
     */
    default void stepped(String model, int rows, long nanoseconds) {
    }

    /** A step or a fetch failed, and the pool is gone with it. */
    default void lost(String model, TritonEndpoint endpoint, PoolLostException reason) {
    }

    /** An attempt to reach a server failed; the next one goes to the next endpoint. */
    default void unreachable(String model, TritonEndpoint endpoint, String reason) {
    }

    /**
     * The engine has a pool: at the beginning, and again after each loss.
     *
     * @param again whether it had one before
     */
    default void connected(String model, TritonEndpoint endpoint, boolean again) {
    }
}
