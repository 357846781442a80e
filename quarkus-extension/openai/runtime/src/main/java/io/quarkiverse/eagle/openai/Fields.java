package io.quarkiverse.eagle.openai;

import java.util.Locale;
import java.util.function.Predicate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;

/**
 * The fields of one JSON object of a request. A field that is null counts as absent, as it does for OpenAI; one of a wrong type
 * is refused by its full name.
 *
 * @param path what stands before a field's name in an error, such as {@code "messages[0]."}
 */
record Fields(JsonNode object, String path) {

    /** The field, or null. */
    JsonNode get(String name) {
        JsonNode value = object.get(name);
        return value == null || value.isNull() ? null : value;
    }

    boolean has(String name) {
        return get(name) != null;
    }

    String name(String field) {
        return path + field;
    }

    String text(String name) {
        JsonNode value = checked(name, JsonNode::isTextual, "a string");
        return value == null ? null : value.textValue();
    }

    double number(String name, double otherwise) {
        JsonNode value = checked(name, JsonNode::isNumber, "a number");
        return value == null ? otherwise : value.doubleValue();
    }

    int integer(String name, int otherwise) {
        JsonNode value = checked(name, JsonNode::canConvertToExactIntegral, "an integer");
        if (value == null) {
            return otherwise;
        }
        if (!value.canConvertToInt()) {
            throw RequestError.wrong(name(name), name(name) + " is " + value + ", which is too large");
        }
        return value.intValue();
    }

    Long longInteger(String name) {
        JsonNode value = checked(name, JsonNode::canConvertToExactIntegral, "an integer");
        if (value == null) {
            return null;
        }
        if (!value.canConvertToLong()) {
            throw RequestError.wrong(name(name), name(name) + " is " + value + "; it must fit 64 bits");
        }
        return value.longValue();
    }

    boolean flag(String name) {
        JsonNode value = checked(name, JsonNode::isBoolean, "true or false");
        return value != null && value.booleanValue();
    }

    JsonNode array(String name) {
        return checked(name, JsonNode::isArray, "a list");
    }

    /** The fields of an object inside this one; without fields where it is absent. */
    Fields inside(String name) {
        JsonNode value = checked(name, JsonNode::isObject, "an object");
        return new Fields(value == null ? JsonNodeFactory.instance.objectNode() : value,
                name(name) + ".");
    }

    private JsonNode checked(String name, Predicate<JsonNode> type, String expected) {
        JsonNode value = get(name);
        if (value != null && !type.test(value)) {
            throw RequestError.wrong(name(name), name(name) + " is " + shown(value) + "; it must be " + expected);
        }
        return value;
    }

    private static String shown(JsonNode value) {
        return value.isContainerNode() ? "a JSON " + value.getNodeType().name().toLowerCase(Locale.ROOT)
                : value.toString();
    }
}
