package io.quarkiverse.eagle.decode;

/**
 * What a decode loop knows of the loss of its engine: since when it lasts, and when it may be reached for again. Belongs to the
 * loop's thread, but for {@link #lasts}. Times are of one clock, in nanoseconds.
 */
final class Outage {

    /** Pauses between tries double from the first to the last of these. */
    private static final long FIRST_PAUSE_NANOS = 10_000_000;
    private static final long LONGEST_PAUSE_NANOS = 1_000_000_000;

    private final long limitNanos;
    private long since;
    private long retryAt;
    /** The last pause; 0 while the engine is there, and when it was given up. */
    private long pause;
    private volatile boolean lasts;

    /** @param limitNanos how long engines are waited for */
    Outage(long limitNanos) {
        this.limitNanos = limitNanos;
    }

    /** Whether the engine was lost, and no step worked since. For all threads. */
    boolean lasts() {
        return lasts;
    }

    /** Whether it was lost in the last step already, and is waited for. */
    boolean isKnown() {
        return pause > 0;
    }

    /** Whether the engine is left alone for now. */
    boolean rests(long now) {
        return isKnown() && now - retryAt < 0;
    }

    /** The engine was lost, or still is; false when it has been waited for long enough, after which it is as if new. */
    boolean goesOn(long now) {
        lasts = true;
        if (!isKnown()) {
            since = now;
            pause = FIRST_PAUSE_NANOS;
        } else if (now - since > limitNanos) {
            pause = 0;
            return false;
        } else {
            pause = Math.min(LONGEST_PAUSE_NANOS, 2 * pause);
        }
        retryAt = now + pause;
        return true;
    }

    /** A step worked. */
    void ends() {
        pause = 0;
        lasts = false;
    }
}
