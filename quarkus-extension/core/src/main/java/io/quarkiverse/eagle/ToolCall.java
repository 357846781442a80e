package io.quarkiverse.eagle;

import java.util.Objects;

/**
 * A model's wish to have a tool called.
 *
 * @param name the tool's
 * @param arguments a JSON object
 * @param id what the result will name, in an earlier message; null where results come in the calls' order
 */
public record ToolCall(String name, String arguments, String id) {

    public ToolCall {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(arguments, "arguments");
    }

    /** A call without an id. */
    public ToolCall(String name, String arguments) {
        this(name, arguments, null);
    }
}
