package io.quarkiverse.eagle.cli;

/** The command was called wrongly; nothing was done. The message says what to change. */
final class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}
