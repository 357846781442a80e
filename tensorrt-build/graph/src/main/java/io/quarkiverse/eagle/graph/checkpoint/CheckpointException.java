package io.quarkiverse.eagle.graph.checkpoint;

/**
 * A checkpoint cannot be read or does not fit; the message names the file, the tensor, what was found and what was expected.
 */
public final class CheckpointException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public CheckpointException(String message) {
        super(message);
    }

    public CheckpointException(String message, Throwable cause) {
        super(message, cause);
    }
}
