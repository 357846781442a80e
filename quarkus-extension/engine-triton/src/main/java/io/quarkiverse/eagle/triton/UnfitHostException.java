package io.quarkiverse.eagle.triton;

import java.util.List;

import io.quarkiverse.eagle.engine.EngineException;

/** A server hosts another engine than the bundle's. */
final class UnfitHostException extends EngineException {

    private static final long serialVersionUID = 1L;

    private final transient List<String> differences;

    UnfitHostException(List<String> differences) {
        super("the engines at Triton are not those of the bundle: " + String.join("; ", differences)
                + ". Make the server's models again from this bundle, or open the bundle that they were made from");
        this.differences = differences;
    }

    /** Each as a sentence that begins with the model's name. */
    List<String> differences() {
        return differences;
    }
}
