package io.quarkiverse.eagle.decode;

import java.time.Duration;

/**
 * How fast waiting requests were admitted of late. Only times between two admissions count with somebody waiting all the while;
 * at other times it is the requests that are slow to come, not the slots to become free. Not thread-safe.
 */
final class AdmissionPace {

    static final Duration SHORTEST = Duration.ofSeconds(1);
    static final Duration LONGEST = Duration.ofMinutes(1);

    /** A new interval's share of the mean: the last dozen or so count. */
    private static final double SHARE = 1 / 8.0;

    private double meanNanos;
    private long lastAt;
    private boolean waitedSince;

    /**
     * Somebody was admitted.
     *
     * @param waiting how many still wait
     */
    void admitted(long now, int waiting) {
        if (waitedSince) {
            double interval = now - lastAt;
            meanNanos = meanNanos == 0 ? interval : meanNanos + SHARE * (interval - meanNanos);
        }
        lastAt = now;
        waitedSince = waiting > 0;
    }

    /**
     * The time in which so many should be admitted, within bounds. When the next admission is late already, so are those after
     * it.
     */
    Duration timeFor(int requests, long now) {
        double interval = waitedSince ? Math.max(meanNanos, now - lastAt) : meanNanos;
        double nanos = Math.min(LONGEST.toNanos(), Math.max(SHORTEST.toNanos(), interval * requests));
        return Duration.ofNanos((long) nanos);
    }
}
