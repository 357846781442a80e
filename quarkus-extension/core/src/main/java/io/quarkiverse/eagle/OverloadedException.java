package io.quarkiverse.eagle;

import java.time.Duration;
import java.util.Locale;
import java.util.Objects;

/** A request that the model does not take at the moment, although it could at another; no work was done for it. */
public final class OverloadedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Why a request was refused. */
    public enum Reason {
        /** As many requests wait as may. */
        QUEUE_FULL,
        /** As many requests of its tenant wait as may. */
        TENANT_LIMIT,
        /** It waited as long as it may, and no slot became free. */
        QUEUE_TIMEOUT,
        /** The model is being closed. */
        SHUTTING_DOWN;

        /** The name used in JSON and as a label: lower case. */
        public String json() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Reason reason;
    private final Duration retryAfter;

    /** @param retryAfter a good time to wait before the next try */
    public OverloadedException(Reason reason, String message, Duration retryAfter) {
        super(message);
        this.reason = Objects.requireNonNull(reason, "reason");
        this.retryAfter = Objects.requireNonNull(retryAfter, "retryAfter");
    }

    public Reason reason() {
        return reason;
    }

    /**
     * A good time to wait before the next try, at least a second and at most a minute: as long as it takes to serve those who
     * wait, as fast as slots became free of late.
     */
    public Duration retryAfter() {
        return retryAfter;
    }
}
