package io.quarkiverse.eagle.triton;

import java.time.Duration;

import io.quarkiverse.eagle.triton.client.TritonClientOptions;

/**
 * How engines run on a Triton server. Immutable; start from {@link #of} and change what you need.
 *
 * @param client how the servers are reached. Without an executor of its own, answers are taken on the network's thread
 * @param slots sequences that run at once: slots to lease from each engine's pool; 0 takes the bundle's number
 * @param stepTimeout how long a step may take before its engine counts as lost
 * @param sharedMemory whether tensors go through system shared memory; needs the server on the same machine, under the same
 *        user
 * @param drafting how draft trees are asked for
 * @param listener is told what the engines do
 */
public record TritonOptions(TritonClientOptions client, int slots, Duration stepTimeout, boolean sharedMemory,
        Drafting drafting, TritonListener listener) {

    /** How a draft tree is asked for. */
    public enum Drafting {
        /** All levels in one request; an adaptive tree's levels are decided beforehand. */
        TREE,
        /** A request per level; an adaptive tree stops where the next level would not pay. */
        LEVELS
    }

    public TritonOptions {
        if (slots < 0) {
            throw new IllegalArgumentException("slots is " + slots + "; it must be positive, or 0 for the bundle's");
        }
        if (stepTimeout.isNegative() || stepTimeout.isZero()) {
            throw new IllegalArgumentException("step timeout is " + stepTimeout + "; it must be positive");
        }
    }

    /** The bundle's slots, a minute for a step, tensors in messages, a tree in one request. */
    public static TritonOptions of(TritonClientOptions client) {
        return new TritonOptions(client, 0, Duration.ofMinutes(1), false, Drafting.TREE, TritonListener.NONE);
    }

    public TritonOptions withSlots(int value) {
        return new TritonOptions(client, value, stepTimeout, sharedMemory, drafting, listener);
    }

    public TritonOptions withStepTimeout(Duration value) {
        return new TritonOptions(client, slots, value, sharedMemory, drafting, listener);
    }

    public TritonOptions withSharedMemory(boolean value) {
        return new TritonOptions(client, slots, stepTimeout, value, drafting, listener);
    }

    public TritonOptions withDrafting(Drafting value) {
        return new TritonOptions(client, slots, stepTimeout, sharedMemory, value, listener);
    }

    public TritonOptions withListener(TritonListener value) {
        return new TritonOptions(client, slots, stepTimeout, sharedMemory, drafting, value);
    }
}
