package io.quarkiverse.eagle;

/** A request that cannot be served as it stands; thrown before any work is done. The message says what to change. */
public final class InvalidRequestException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    private final String limit;

    public InvalidRequestException(String message) {
        this(null, message);
    }

    /** @param limit the property of the model that the request goes beyond, null where it is none */
    public InvalidRequestException(String limit, String message) {
        super(message);
        this.limit = limit;
    }

    /**
     * The property of the model that the request goes beyond, as the configuration spells it: {@code max-prompt-tokens} or
     * {@code max-tokens}; null when something else is wrong.
     */
    public String limit() {
        return limit;
    }
}
