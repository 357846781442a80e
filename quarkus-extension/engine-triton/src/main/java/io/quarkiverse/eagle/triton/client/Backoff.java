package io.quarkiverse.eagle.triton.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How long to wait between tries. The wait doubles from try to try; a random share is taken off, so that clients that lost
 * the same server do not come back at the same moment.
 *
 * @param initial wait after the first try
 * @param most longest wait
 * @param attempts most tries, the first one included
 * @param jitter largest share taken off, 0 to 1
 */
public record Backoff(Duration initial, Duration most, int attempts, double jitter) {

    public Backoff {
        if (initial.isNegative() || most.compareTo(initial) < 0) {
            throw new IllegalArgumentException(
                    "back-off from " + initial + " to " + most + "; it must not be negative and must not shrink");
        }
        if (attempts < 1) {
            throw new IllegalArgumentException(attempts + " attempts; there must be at least 1");
        }
        if (!(jitter >= 0 && jitter <= 1)) {
            throw new IllegalArgumentException("jitter is " + jitter + "; it must be between 0 and 1");
        }
    }

    /** Six tries within about three seconds. */
    public static Backoff defaults() {
        return new Backoff(Duration.ofMillis(100), Duration.ofSeconds(5), 6, 0.5);
    }

    /** The wait after a try. @param attempt 0 for the first one */
    public Duration delay(int attempt) {
        double doubled = initial.toNanos() * Math.pow(2, attempt);
        double capped = Math.min(doubled, most.toNanos());
        return Duration.ofNanos((long) (capped * (1 - jitter * ThreadLocalRandom.current().nextDouble())));
    }
}
