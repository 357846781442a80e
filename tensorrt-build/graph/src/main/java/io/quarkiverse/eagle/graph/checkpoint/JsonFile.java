package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;

/**
 * A JSON object in a file, read with messages that name the file and the key. A key whose value is null counts as absent.
 *
 * @param path for messages
 * @param root the object, or one within it
 */
record JsonFile(Path path, JsonNode root) {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    static JsonFile read(Path path) {
        JsonFile file = new JsonFile(path, parse(path));
        if (!file.root.isObject()) {
            throw new CheckpointException(path + " is not a JSON object");
        }
        return file;
    }

    /** The file, or an empty object when it does not exist. */
    static JsonFile readIfPresent(Path path) {
        return Files.exists(path) ? read(path) : new JsonFile(path, MAPPER.createObjectNode());
    }

    static JsonNode parse(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new CheckpointException(path + " does not exist");
        }
        try {
            return MAPPER.readTree(path.toFile());
        } catch (JsonProcessingException e) {
            throw new CheckpointException(path + " is not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new CheckpointException(path + " cannot be read: " + e.getMessage(), e);
        }
    }

    JsonNode get(String key) {
        JsonNode node = root.path(key);
        return node.isNull() ? MissingNode.getInstance() : node;
    }

    boolean has(String key) {
        return !get(key).isMissingNode();
    }

    /** The object under a key, empty when absent. */
    JsonFile object(String key) {
        JsonNode node = get(key);
        if (!node.isMissingNode() && !node.isObject()) {
            throw wrong(key, node, "an object");
        }
        return new JsonFile(path, node.isMissingNode() ? MAPPER.createObjectNode() : node);
    }

    /** A part of the same file. */
    JsonFile within(JsonNode part) {
        return new JsonFile(path, part);
    }

    String text(String key, String otherwise) {
        JsonNode node = get(key);
        if (node.isMissingNode()) {
            return otherwise;
        }
        if (!node.isTextual()) {
            throw wrong(key, node, "a text");
        }
        return node.asText();
    }

    boolean flag(String key, boolean otherwise) {
        JsonNode node = get(key);
        if (node.isMissingNode()) {
            return otherwise;
        }
        if (!node.isBoolean()) {
            throw wrong(key, node, "true or false");
        }
        return node.asBoolean();
    }

    int size(String key) {
        require(key);
        return size(key, 0);
    }

    int size(String key, int otherwise) {
        JsonNode node = get(key);
        if (node.isMissingNode()) {
            return otherwise;
        }
        if (!node.canConvertToInt() || !node.isIntegralNumber() || node.asInt() < 1) {
            throw wrong(key, node, "a whole number of at least 1");
        }
        return node.asInt();
    }

    double number(String key) {
        require(key);
        return number(key, 0);
    }

    double number(String key, double otherwise) {
        JsonNode node = get(key);
        if (node.isMissingNode()) {
            return otherwise;
        }
        if (!node.isNumber()) {
            throw wrong(key, node, "a number");
        }
        return node.asDouble();
    }

    CheckpointException wrong(String key, Object found, String expected) {
        return new CheckpointException(path + ": " + key + " is " + found + "; expected " + expected);
    }

    private void require(String key) {
        if (!has(key)) {
            throw new CheckpointException(path + " has no " + key);
        }
    }
}
