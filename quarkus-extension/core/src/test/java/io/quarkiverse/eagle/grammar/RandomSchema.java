package io.quarkiverse.eagle.grammar;

import java.util.Map;
import java.util.Random;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Draws schemas of the supported keywords, and for each of them documents in the form that the grammar writes. */
final class RandomSchema {

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final ObjectMapper WRITER = new ObjectMapper();

    private final Random random;
    private final ObjectNode definitions = JSON.objectNode();

    RandomSchema(long seed) {
        this.random = new Random(seed);
    }

    ObjectNode schema() {
        ObjectNode leaf = JSON.objectNode();
        leaf.put("type", "object").putArray("required").add("value");
        leaf.putObject("properties").putObject("value").put("type", "integer");
        ((ObjectNode) leaf.get("properties")).putObject("next").put("$ref", "#/$defs/list");
        definitions.set("list", leaf.put("additionalProperties", false));
        ObjectNode schema = object(3);
        schema.set("$defs", definitions);
        return schema;
    }

    private ObjectNode schema(int depth) {
        ObjectNode schema = JSON.objectNode();
        switch (random.nextInt(depth > 0 ? 13 : 9)) {
            case 0 -> schema.put("type", "string");
            case 1 -> schema.put("type", "string").put("minLength", random.nextInt(3)).put("maxLength", 2 + random.nextInt(4));
            case 2 -> schema.put("type", "integer");
            case 3 -> schema.put("type", "integer").put("minimum", random.nextInt(200) - 100)
                    .put(random.nextBoolean() ? "maximum" : "exclusiveMaximum", 101 + random.nextInt(2000));
            case 4 -> schema.put("type", "number");
            case 5 -> schema.put("type", "number").put("exclusiveMinimum", -random.nextInt(30) / 8.0)
                    .put("maximum", (1 + random.nextInt(90)) / 8.0);
            case 6 -> schema.put("type", random.nextBoolean() ? "boolean" : "null");
            case 7 -> schema.putArray("enum").add("red").add("r\"é").add(5).add("green").addNull();
            case 8 -> schema.put("$ref", "#/$defs/list");
            case 9 -> schema.putArray(random.nextBoolean() ? "anyOf" : "oneOf").add(object(depth - 1))
                    .add(JSON.objectNode().put("type", "null"));
            case 10 -> array(schema, depth);
            case 11 -> schema.put("type", "object").set("additionalProperties", schema(depth - 1));
            default -> {
                return object(depth - 1);
            }
        }
        return schema;
    }

    private void array(ObjectNode schema, int depth) {
        schema.put("type", "array").set("items", schema(depth - 1));
        if (random.nextBoolean()) {
            schema.put("minItems", random.nextInt(3)).put("maxItems", 2 + random.nextInt(2));
        }
    }

    private ObjectNode object(int depth) {
        ObjectNode schema = JSON.objectNode().put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        ArrayNode required = schema.putArray("required");
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            String name = (random.nextInt(6) == 0 ? "naïve \"" : "p") + i;
            properties.set(name, schema(depth));
            if (random.nextBoolean()) {
                required.add(name);
            }
        }
        return schema.put("additionalProperties", false);
    }

    /** A document of a schema, written as the grammar writes it, with its spaces where they may be. */
    String document(JsonNode schema) {
        StringBuilder text = new StringBuilder();
        write(schema, 4, text);
        return text.toString();
    }

    private void write(JsonNode schema, int depth, StringBuilder text) {
        if (schema.has("$ref")) {
            write(definitions.get("list"), depth - 1, text);
        } else if (schema.has("enum")) {
            text.append(schema.get("enum").get(random.nextInt(schema.get("enum").size())));
        } else if (schema.has("anyOf") || schema.has("oneOf")) {
            write(schema.path(schema.has("anyOf") ? "anyOf" : "oneOf").get(depth > 0 ? random.nextInt(2) : 1), depth, text);
        } else {
            typed(schema, depth, text);
        }
    }

    private void typed(JsonNode schema, int depth, StringBuilder text) {
        switch (schema.path("type").asText()) {
            case "string" -> text.append(string(schema));
            case "integer" -> text.append(integer(schema));
            case "number" -> text.append(number(schema));
            case "boolean" -> text.append(random.nextBoolean());
            case "null" -> text.append("null");
            case "array" -> list(schema, depth, text);
            default -> members(schema, depth, text);
        }
    }

    private String string(JsonNode schema) {
        int least = schema.path("minLength").asInt(0);
        int most = schema.path("maxLength").asInt(least + 6);
        StringBuilder string = new StringBuilder();
        for (int i = least + random.nextInt(most - least + 1); i > 0; i--) {
            string.append(new String[] { "a", "Z", "é", "\uD83D\uDE00", "世", "\\n", "\\u00e9", "\\\"", "\\uD83D\\ude00",
                    " ", "/" }[random.nextInt(11)]);
        }
        return "\"" + string + "\"";
    }

    private String integer(JsonNode schema) {
        if (!schema.has("minimum")) {
            return String.valueOf(random.nextLong() >> 5 + random.nextInt(50));
        }
        int low = schema.get("minimum").asInt();
        int high = schema.has("maximum") ? schema.get("maximum").asInt() : schema.get("exclusiveMaximum").asInt() - 1;
        return String.valueOf(low + random.nextInt(high - low + 1));
    }

    private String number(JsonNode schema) {
        if (!schema.has("maximum")) {
            return new String[] { "0", "-1.5", "12e3", "3.25E-7", "1e+12", "0.0001" }[random.nextInt(6)];
        }
        int low = (int) Math.round(schema.get("exclusiveMinimum").asDouble() * 8);
        int high = (int) Math.round(schema.get("maximum").asDouble() * 8);
        double number = (low + 1 + random.nextInt(high - low)) / 8.0;
        return number == Math.rint(number) && random.nextBoolean() ? String.valueOf((long) number) : String.valueOf(number);
    }

    private void list(JsonNode schema, int depth, StringBuilder text) {
        int least = schema.path("minItems").asInt(0);
        int most = depth <= 0 ? least : schema.path("maxItems").asInt(least + 3);
        text.append("[");
        int count = least + random.nextInt(most - least + 1);
        for (int i = 0; i < count; i++) {
            text.append(i > 0 ? "," : "").append(space());
            write(schema.get("items"), depth - 1, text);
        }
        text.append(space()).append("]");
    }

    private void members(JsonNode schema, int depth, StringBuilder text) {
        text.append("{");
        boolean first = true;
        if (!schema.has("properties")) {
            for (int i = depth <= 0 ? 0 : random.nextInt(3); i > 0; i--) {
                first = comma(first, text);
                text.append("\"k").append(i).append("\":").append(space());
                write(schema.get("additionalProperties"), depth - 1, text);
            }
        }
        for (Map.Entry<String, JsonNode> property : schema.path("properties").properties()) {
            boolean required = schema.get("required").valueStream().anyMatch(name -> name.asText().equals(property.getKey()));
            if (required || depth > 0 && random.nextBoolean()) {
                first = comma(first, text);
                text.append(quoted(property.getKey())).append(":").append(space());
                write(property.getValue(), depth - 1, text);
            }
        }
        text.append(space()).append("}");
    }

    private boolean comma(boolean first, StringBuilder text) {
        text.append(first ? "" : ",").append(space());
        return false;
    }

    private String space() {
        return new String[] { "", "", " ", "\n" }[random.nextInt(4)];
    }

    private static String quoted(String name) {
        try {
            return WRITER.writeValueAsString(name);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
