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
 * Finds calls of the offered tools in an answer that arrives in pieces, in all forms: between tags anywhere, in a list behind
 * its mark, or an answer that is nothing but one JSON object. Gives out the text around them as soon as it cannot be part of a
 * call. What looks like a call
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
        while (opening() >= 0) {
            certain.append(give(withoutSpace(opening())));
            int open = opening();
            int end = held.indexOf(ToolForm.LIST) == open ? endOfList(open) : endOfTag(open);
            if (end < 0) {
                return certain.toString();
            }
            if (take(inside(open, end))) {
                held.delete(0, end);
            } else {
                certain.append(give(end));
            }
        }
        int begun = Math.max(begun(ToolForm.OPEN), begun(ToolForm.LIST));
        return certain.append(give(withoutSpace(held.length() - begun))).toString();
    }

    /** Where the first tag or mark begins, -1 without one. */
    private int opening() {
        int tag = held.indexOf(ToolForm.OPEN);
        int list = held.indexOf(ToolForm.LIST);
        return tag < 0 || list < 0 ? Math.max(tag, list) : Math.min(tag, list);
    }

    /** The end of what a tag opens, -1 while it is not there. */
    private int endOfTag(int open) {
        int close = held.indexOf(ToolForm.CLOSE, open);
        return close < 0 ? -1 : close + ToolForm.CLOSE.length();
    }

    /** The end of the list behind a mark, that of the mark when no list follows, -1 while that is not known. */
    private int endOfList(int open) {
        int mark = open + ToolForm.LIST.length();
        int depth = 0;
        boolean quoted = false;
        for (int i = mark; i < held.length(); i++) {
            char c = held.charAt(i);
            if (quoted) {
                i += c == '\\' ? 1 : 0;
                quoted = c != '"';
            } else if (c == '"') {
                quoted = true;
            } else if (c == '[' || c == '{') {
                depth++;
            } else if (c == ']' || c == '}') {
                depth--;
            }
            if (depth == 0 && !Character.isWhitespace(c)) {
                return c == ']' ? i + 1 : mark;
            }
        }
        return -1;
    }

    /** The JSON of a call, or of a list of calls. */
    private String inside(int open, int end) {
        return held.indexOf(ToolForm.LIST) == open ? held.substring(open + ToolForm.LIST.length(), end)
                : held.substring(open + ToolForm.OPEN.length(), end - ToolForm.CLOSE.length());
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

    /** Characters at the end with which a tag or a mark may have begun. */
    private int begun(String opening) {
        int length = Math.min(opening.length() - 1, held.length());
        while (!opening.startsWith(held.substring(held.length() - length))) {
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

    /** Takes a call, or a list of nothing else; false when it is none. */
    private boolean take(String text) {
        try {
            JsonNode json = JSON.readTree(text);
            List<ToolCall> found = new ArrayList<>();
            for (JsonNode call : json.isArray() ? json : List.of(json)) {
                JsonNode arguments = call.has("arguments") ? call.get("arguments") : call.get("parameters");
                if (!names.contains(call.path("name").asText()) || arguments == null || !arguments.isObject()) {
                    return false;
                }
                found.add(new ToolCall(call.get("name").asText(), arguments.toString()));
            }
            return calls.addAll(found);
        } catch (JsonProcessingException e) {
            return false;
        }
    }
}
