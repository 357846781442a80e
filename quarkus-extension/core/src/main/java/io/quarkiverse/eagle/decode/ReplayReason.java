package io.quarkiverse.eagle.decode;

import java.util.Locale;

/** Why a sequence's tokens are read again. */
public enum ReplayReason {

    /** An engine lost its pool: it was restarted, or went away. */
    POOL_LOST,
    /** The sequence gave its slot away while its consumer did not ask, and others used it meanwhile. */
    SLOT_LOST;

    /** The name used as a label: lower case. */
    public String json() {
        return name().toLowerCase(Locale.ROOT);
    }
}
