package io.quarkiverse.eagle.decode;

/**
 * One of a model's replicas at a moment.
 *
 * @param name the name that it was added under; at Triton its endpoint
 * @param slots generations that it runs at once; 0 while it is absent
 * @param slotsInUse slots that generations hold
 * @param queued requests that wait there for their first slot
 */
public record ReplicaStatus(String name, State state, int slots, int slotsInUse, int queued) {

    /** Whether a replica takes requests. */
    public enum State {
        /** It does. */
        SERVING,
        /** Its engines were lost and have not answered since; new requests go there only where no other replica serves. */
        LOST,
        /** It takes no more, and is closed when what it has came to its end. */
        DRAINING,
        /**
         * Its engines are not open: they could not be reached, or every step failed. It is tried again, and serves when it can.
         */
        ABSENT
    }
}
