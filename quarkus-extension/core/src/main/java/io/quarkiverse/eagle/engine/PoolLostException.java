package io.quarkiverse.eagle.engine;

/**
 * A step failed and what the engine's slots hold is gone or in doubt: the server restarted, the connection broke. The engine
 * makes one short attempt to get a new pool at each further step; sequences that read their tokens again go on where they
 * stopped. While the engine cannot be reached, steps keep failing with this exception, soon.
 */
public final class PoolLostException extends EngineException {

    private static final long serialVersionUID = 1L;

    private final boolean reached;

    /** The engine was reached, and was lost in this step. */
    public PoolLostException(String message, Throwable cause) {
        this(message, cause, true);
    }

    private PoolLostException(String message, Throwable cause, boolean reached) {
        super(message, cause);
        this.reached = reached;
    }

    /** The engine is still away: the step never ran. */
    public static PoolLostException unreachable(String message, Throwable cause) {
        return new PoolLostException(message, cause, false);
    }

    /** Whether the step may have run, so that what it was to compute may be what the engine died of. */
    public boolean reached() {
        return reached;
    }
}
