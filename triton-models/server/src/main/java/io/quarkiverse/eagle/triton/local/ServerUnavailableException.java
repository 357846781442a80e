package io.quarkiverse.eagle.triton.local;

/** This machine can have no server, or the server does not start; the message says why. */
public final class ServerUnavailableException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public ServerUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
