package io.quarkiverse.eagle.plan;

/** Plans cannot be built; the message says what is missing or was refused, and what to do. */
public final class PlanException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public PlanException(String message) {
        super(message);
    }

    public PlanException(String message, Throwable cause) {
        super(message, cause);
    }
}
