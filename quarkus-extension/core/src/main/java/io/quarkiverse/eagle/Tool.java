package io.quarkiverse.eagle;

import java.util.Objects;

/**
 * A function of the caller's that a model may ask to be called. The model only asks; who sent the request calls.
 *
 * @param name letters, digits, {@code _}, {@code -} and dots
 * @param description what it does, in the model's language; null for none
 * @param parameters JSON Schema of its arguments, an object; null for a function without any
 */
public record Tool(String name, String description, String parameters) {

    public Tool {
        Objects.requireNonNull(name, "name");
        if (!name.matches("[A-Za-z0-9_.-]{1,128}")) {
            throw new InvalidRequestException("the tool's name is \"" + name
                    + "\"; it must have 1 to 128 letters, digits, underscores, hyphens or dots");
        }
    }
}
