package io.quarkiverse.eagle.engine;

/** Engines cannot be opened because whoever hosts them cannot be reached, or is not ready. Later they may be. */
public final class EnginesAwayException extends EngineException {

    private static final long serialVersionUID = 1L;

    public EnginesAwayException(String message, Throwable cause) {
        super(message, cause);
    }
}
