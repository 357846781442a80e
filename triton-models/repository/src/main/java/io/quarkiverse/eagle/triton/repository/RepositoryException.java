package io.quarkiverse.eagle.triton.repository;

/** A repository cannot be written; the message says why and what to do. */
public final class RepositoryException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public RepositoryException(String message) {
        super(message);
    }

    public RepositoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
