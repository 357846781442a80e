package io.quarkiverse.eagle.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;

/**
 * Requests of a file, one JSON object a line: {@code {"id","prompt_ids":[…]}} or
 * {@code {"id","messages":[{"role","content"}…]}}.
 * A line may set its own {@code seed}, {@code max_tokens}, {@code temperature} and {@code drafter}; other fields are ignored.
 * Blank lines are skipped.
 */
final class Batch implements AutoCloseable {

    /**
     * A request of the file.
     *
     * @param id as the line gave it, or the line's number
     * @param place file and line, for messages
     */
    record Entry(JsonNode id, String place, GenerationRequest request) {
    }

    private final BufferedReader lines;
    private final String name;
    private final GenerationOptions defaults;
    private int number;

    private Batch(BufferedReader lines, String name, GenerationOptions defaults) {
        this.lines = lines;
        this.name = name;
        this.defaults = defaults;
    }

    /** Standard input, line by line: a program may wait for an answer before it asks on. */
    static Batch ofInput(Terminal terminal, GenerationOptions defaults) {
        return new Batch(new BufferedReader(new InputStreamReader(terminal.in(), StandardCharsets.UTF_8)),
                "standard input", defaults);
    }

    static Batch ofFile(Path file, GenerationOptions defaults) {
        if (!Files.isRegularFile(file)) {
            throw new UsageException("--ids-in names " + file + ", which is not a file");
        }
        try {
            return new Batch(Files.newBufferedReader(file), file.toString(), defaults);
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** All requests that are left. */
    List<Entry> all() {
        List<Entry> entries = new ArrayList<>();
        for (Entry entry = next(); entry != null; entry = next()) {
            entries.add(entry);
        }
        return entries;
    }

    /** The next request, null after the last one. */
    Entry next() {
        try {
            String line;
            do {
                line = lines.readLine();
                number++;
            } while (line != null && line.isBlank());
            return line == null ? null : parse(line);
        } catch (JsonProcessingException e) {
            throw bad("is not JSON: " + e.getOriginalMessage(), e);
        } catch (CharacterCodingException e) {
            throw new CommandException(name + " is not UTF-8 text", e);
        } catch (InvalidRequestException e) {
            throw bad("cannot be served: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(name + " cannot be read: " + e.getMessage(), e);
        }
    }

    private Entry parse(String line) throws JsonProcessingException {
        JsonNode fields = Json.parse(line);
        if (!fields.isObject()) {
            throw bad("is " + fields.getNodeType().name().toLowerCase(java.util.Locale.ROOT)
                    + "; expected an object with prompt_ids or messages", null);
        }
        boolean ids = fields.has("prompt_ids");
        if (ids == fields.has("messages")) {
            throw bad(ids ? "has both prompt_ids and messages; expected one of them"
                    : "has neither prompt_ids nor messages; expected one of them", null);
        }
        GenerationRequest request = ids ? GenerationRequest.tokens(promptIds(fields.get("prompt_ids")))
                : GenerationRequest.chat(messages(fields.get("messages")));
        JsonNode id = fields.hasNonNull("id") ? fields.get("id") : IntNode.valueOf(number);
        return new Entry(id, place(), request.with(options(fields)));
    }

    private int[] promptIds(JsonNode list) {
        if (!list.isArray()) {
            throw bad("has prompt_ids that are not a list of token ids", null);
        }
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = list.get(i);
            if (!id.isIntegralNumber() || !id.canConvertToInt()) {
                throw bad("has " + id + " in prompt_ids; expected a token id", null);
            }
            ids[i] = id.intValue();
        }
        return ids;
    }

    private List<ChatMessage> messages(JsonNode list) {
        if (!list.isArray()) {
            throw bad("has messages that are not a list of {\"role\",\"content\"}", null);
        }
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode message : list) {
            if (!message.path("role").isTextual() || !message.path("content").isTextual()) {
                throw bad("has a message " + message + "; expected {\"role\",\"content\"} with text", null);
            }
            messages.add(new ChatMessage(message.get("role").textValue(), message.get("content").textValue()));
        }
        return messages;
    }

    private GenerationOptions options(JsonNode fields) {
        GenerationOptions options = defaults;
        JsonNode seed = fields.get("seed");
        if (isSet(seed)) {
            require(seed.isIntegralNumber() && seed.canConvertToLong(), "seed", seed, "a whole number");
            options = options.withSeed(seed.longValue());
        }
        JsonNode maxTokens = fields.get("max_tokens");
        if (isSet(maxTokens)) {
            require(maxTokens.isIntegralNumber() && maxTokens.canConvertToInt(), "max_tokens", maxTokens, "a whole number");
            options = options.withMaxTokens(maxTokens.intValue());
        }
        JsonNode temperature = fields.get("temperature");
        if (isSet(temperature)) {
            require(temperature.isNumber(), "temperature", temperature, "a number");
            options = options.withTemperature(temperature.doubleValue());
        }
        JsonNode drafter = fields.get("drafter");
        if (isSet(drafter)) {
            require(drafter.isTextual(), "drafter", drafter, "a name");
            DecodingOptions.requireDrafter(drafter.textValue());
            options = options.withDrafter(drafter.textValue());
        }
        return options;
    }

    private static boolean isSet(JsonNode field) {
        return field != null && !field.isNull();
    }

    private void require(boolean holds, String field, JsonNode found, String expected) {
        if (!holds) {
            throw bad("has " + field + " " + found + "; expected " + expected, null);
        }
    }

    private String place() {
        return name + " line " + number;
    }

    private CommandException bad(String what, Exception cause) {
        return new CommandException(place() + " " + what, cause);
    }

    @Override
    public void close() {
        try {
            lines.close();
        } catch (IOException e) {
            throw new UncheckedIOException(name + " cannot be closed: " + e.getMessage(), e);
        }
    }
}
