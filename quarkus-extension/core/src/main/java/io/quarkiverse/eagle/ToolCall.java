package io.quarkiverse.eagle;

import java.util.Objects;

/**
 * A model's wish to have a tool called.
 *
 * @param name the tool's
 * @param arguments a JSON object
 */
public record ToolCall(String name, String arguments) {

    public ToolCall {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(arguments, "arguments");
    }
}
