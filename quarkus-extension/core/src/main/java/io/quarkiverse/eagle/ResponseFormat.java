package io.quarkiverse.eagle;

import java.util.Objects;

/**
 * What an answer has to look like. Anything but {@link #text()} is held while decoding: only tokens that keep the answer on the
 * way to a whole document can be chosen, and it ends where the document does. An answer that meets its token limit or a stop
 * string first is cut there.
 */
public sealed interface ResponseFormat {

    /** Whatever the model says. */
    record Text() implements ResponseFormat {
    }

    /** Any JSON object. */
    record Json() implements ResponseFormat {
    }

    /**
     * A JSON document that a schema describes. Properties come in the schema's order, and none but those that it names.
     *
     * @param schema JSON Schema, of the keywords that docs/structured-output.md lists; others are refused by name
     */
    record JsonSchema(String schema) implements ResponseFormat {

        public JsonSchema {
            Objects.requireNonNull(schema, "schema");
        }
    }

    /**
     * A document between two fixed texts, as models write tool calls.
     *
     * @param before comes first, may be empty
     * @param document the form of what stands between
     * @param after comes last, may be empty
     */
    record Enclosed(String before, ResponseFormat document, String after) implements ResponseFormat {

        public Enclosed {
            Objects.requireNonNull(before, "before");
            Objects.requireNonNull(after, "after");
            if (document instanceof Text) {
                throw new InvalidRequestException("free text between two fixed texts has no end; enclose JSON");
            }
        }
    }

    static ResponseFormat text() {
        return new Text();
    }

    static ResponseFormat json() {
        return new Json();
    }

    static ResponseFormat jsonSchema(String schema) {
        return new JsonSchema(schema);
    }
}
