package io.quarkiverse.eagle.openai;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;

/** Reads {@code tools} and {@code tool_choice}, and the calls of earlier messages. */
final class ToolReader {

    private ToolReader() {
    }

    /** The tools of a request; null when it offers none, or none may be called. */
    static ToolUse read(Fields fields) {
        JsonNode list = fields.array("tools");
        List<Tool> tools = new ArrayList<>();
        for (int i = 0; list != null && i < list.size(); i++) {
            tools.add(tool(function(list.get(i), "tools[" + i + "]")));
        }
        JsonNode choice = fields.get("tool_choice");
        String kind = choice == null ? "auto" : choice.isTextual() ? choice.textValue() : choice.path("type").asText();
        if (tools.isEmpty() && (kind.equals("auto") || kind.equals("none"))) {
            return null;
        }
        try {
            return switch (kind) {
                case "none" -> null;
                case "auto" -> ToolUse.offered(tools);
                case "required" -> ToolUse.required(tools);
                case "function" -> ToolUse.named(tools, name(function(choice, "tool_choice")));
                default -> throw RequestError.wrong("tool_choice",
                        "tool_choice is " + choice + "; it must be none, auto, required, or a function's name in its object");
            };
        } catch (InvalidRequestException e) {
            throw RequestError.wrong(choice != null && !tools.isEmpty() && kind.equals("function") ? "tool_choice" : "tools",
                    e.getMessage());
        }
    }

    private static Tool tool(Fields function) {
        JsonNode parameters = function.get("parameters");
        try {
            return new Tool(name(function), function.text("description"),
                    parameters == null ? null : function.inside("parameters").object().toString());
        } catch (InvalidRequestException e) {
            throw RequestError.wrong(function.name("name"), e.getMessage());
        }
    }

    /** Calls that an assistant's message asked for. */
    static List<ToolCall> calls(Fields message) {
        JsonNode list = message.array("tool_calls");
        List<ToolCall> calls = new ArrayList<>();
        for (int i = 0; list != null && i < list.size(); i++) {
            Fields function = function(list.get(i), message.name("tool_calls") + "[" + i + "]");
            String arguments = function.text("arguments");
            calls.add(new ToolCall(name(function), arguments == null || arguments.isBlank() ? "{}" : arguments,
                    new Fields(list.get(i), message.name("tool_calls") + "[" + i + "].").text("id")));
        }
        return calls;
    }

    private static Fields function(JsonNode json, String path) {
        if (!json.isObject() || json.has("type") && !json.get("type").asText().equals("function")) {
            throw RequestError.unsupported(path, path + " is no function; only tools of type function are known");
        }
        return new Fields(json, path + ".").inside("function");
    }

    private static String name(Fields function) {
        String name = function.text("name");
        if (name == null) {
            throw RequestError.wrong(function.name("name"), function.name("name") + " is missing; name the function");
        }
        return name;
    }
}
