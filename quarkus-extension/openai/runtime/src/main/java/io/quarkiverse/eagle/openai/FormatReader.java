package io.quarkiverse.eagle.openai;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.ResponseFormat;

/** Reads {@code response_format}. A schema is always kept to the letter, whether {@code strict} is set or not. */
final class FormatReader {

    private FormatReader() {
    }

    /** @throws RequestError the field is wrong */
    static ResponseFormat read(Fields fields) {
        Fields field = fields.inside("response_format");
        String type = field.text("type");
        return switch (type == null ? "text" : type) {
            case "text" -> ResponseFormat.text();
            case "json_object" -> ResponseFormat.json();
            case "json_schema" -> schema(field.inside("json_schema"));
            default -> throw RequestError.wrong("response_format.type", "response_format.type is \"" + type
                    + "\"; it must be text, json_object or json_schema");
        };
    }

    private static ResponseFormat schema(Fields field) {
        JsonNode schema = field.get("schema");
        if (schema == null) {
            throw RequestError.wrong(field.name("schema"), field.name("schema") + " is missing; send a JSON Schema");
        }
        return ResponseFormat.jsonSchema(schema.toString());
    }
}
