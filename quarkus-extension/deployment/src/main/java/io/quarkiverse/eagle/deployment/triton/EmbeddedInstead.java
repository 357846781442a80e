package io.quarkiverse.eagle.deployment.triton;

/**
 * No server: the model's engines run in the application's process.
 *
 * @param reason why
 */
record EmbeddedInstead(String reason) implements TritonService {

    /** The value that {@code quarkus.eagle.engine} takes. */
    static final String ENGINE = "onnxruntime";

    @Override
    public void start() {
        // The engines are opened with the application.
    }

    @Override
    public String getConnectionInfo() {
        return ENGINE;
    }

    @Override
    public String getContainerId() {
        return null;
    }

    @Override
    public String description() {
        return "engines in this process instead of a Triton server: " + reason;
    }

    @Override
    public void close() {
        // Nothing was started.
    }
}
