package io.quarkiverse.eagle.triton;

/** What an engine host refuses a request for; its error message contains the code word. */
enum HostFault {
    /** The pool is another one than the client believes. */
    EAGLE_EPOCH_CHANGED,
    /** The lease expired and the slots may be somebody else's. */
    EAGLE_LEASE_LOST,
    /** Not enough slots are free. */
    EAGLE_NO_SLOTS,
    /** The request is wrong; nothing was touched. */
    EAGLE_INVALID,
    /** The runtime failed; the rows of the step's slots are in doubt. */
    EAGLE_STEP_FAILED;

    /** The fault that a message tells of, or null. */
    static HostFault in(Throwable failure) {
        String message = String.valueOf(failure.getMessage());
        for (HostFault fault : values()) {
            if (message.contains(fault.name())) {
                return fault;
            }
        }
        return null;
    }
}
