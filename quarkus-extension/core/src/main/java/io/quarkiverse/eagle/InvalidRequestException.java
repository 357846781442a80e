package io.quarkiverse.eagle;

/** A request that cannot be served as it stands; thrown before any work is done. The message says what to change. */
public final class InvalidRequestException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    public InvalidRequestException(String message) {
        super(message);
    }
}
