package io.quarkiverse.eagle.tools;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;

import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;

/**
 * Finds calls of the offered tools in an answer that arrives in pieces, in both forms: between tags anywhere, or an answer that
 * is nothing but one JSON object. Gives out the text around them as soon as it cannot be part of a call. What looks like a call
 * and is none stays text. Mutable, for one sequence.
 */
public final class ToolCallFinder {

    private static final ObjectReader JSON = JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build()
            .reader();

    private final Set<String> names;
    private final List<ToolCall> calls = new ArrayList<>();
    private final StringBuilder held = new StringBuilder();
    /** Nothing but white space was given out so far. */
    private boolean blank = true;

    public ToolCallFinder(ToolUse use) {
        this.names = use.tools().stream().map(Tool::name).collect(Collectors.toSet());
    }

    /** Takes the next piece; returns the text that became certain, which may be empty. */
    public String push(String piece) {
        held.append(piece);
        if (isBare()) {
            return "";
        }
        StringBuilder certain = new StringBuilder();
        int open;
        while ((open = held.indexOf(ToolForm.OPEN)) >= 0) {
            certain.append(give(withoutSpace(open)));
            int close = held.indexOf(ToolForm.CLOSE);
            if (close < 0) {
                return certain.toString();
            }
            int end = close + ToolForm.CLOSE.length();
            if (take(held.substring(held.indexOf(ToolForm.OPEN) + ToolForm.OPEN.length(), close))) {
                held.delete(0, end);
            } else {
                certain.append(give(end));
            }
        }
        return certain.append(give(withoutSpace(held.length() - begunTag()))).toString();
    }

    /** No more text will come: gives out what was held back and is no call. */
    public String finish() {
        if (isBare() && take(held.toString()) || !calls.isEmpty() && held.toString().isBlank()) {
            held.setLength(0);
        }
        return give(held.length());
    }

    /** The calls found so far. */
    public List<ToolCall> calls() {
        return List.copyOf(calls);
    }

    /** Everything so far may be one JSON object. */
    private boolean isBare() {
        return blank && calls.isEmpty() && held.toString().stripLeading().startsWith("{");
    }

    /** Characters at the end with which a tag may have begun. */
    private int begunTag() {
        int length = Math.min(ToolForm.OPEN.length() - 1, held.length());
        while (!ToolForm.OPEN.startsWith(held.substring(held.length() - length))) {
            length--;
        }
        return length;
    }

    /** White space before a call belongs to it. */
    private int withoutSpace(int end) {
        int from = end;
        while (from > 0 && Character.isWhitespace(held.charAt(from - 1))) {
            from--;
        }
        return from;
    }

    private String give(int count) {
        String text = held.substring(0, count);
        held.delete(0, count);
        if (blank && !calls.isEmpty()) {
            text = text.stripLeading();
        }
        blank &= text.isBlank();
        return text;
    }

    private boolean take(String text) {
        try {
            JsonNode call = JSON.readTree(text);
            JsonNode arguments = call.has("arguments") ? call.get("arguments") : call.get("parameters");
            if (!names.contains(call.path("name").asText()) || arguments == null || !arguments.isObject()) {
                return false;
            }
            calls.add(new ToolCall(call.get("name").asText(), arguments.toString()));
            return true;
        } catch (JsonProcessingException e) {
            return false;
        }
    }
}
