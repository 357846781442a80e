package io.quarkiverse.eagle.bundle;

/** A bundle is missing, damaged or does not fit; the message names the file, what was found and what to do. */
public final class BundleException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public BundleException(String message) {
        super(message);
    }

    public BundleException(String message, Throwable cause) {
        super(message, cause);
    }
}
