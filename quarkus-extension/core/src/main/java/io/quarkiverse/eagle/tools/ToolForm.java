package io.quarkiverse.eagle.tools;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;

/** The ways in which models write tool calls. */
public enum ToolForm {

    /** Qwen2.5's, as Hermes had it: {@code <tool_call>}, a line with name and arguments, {@code </tool_call>}. */
    TAGGED("arguments", ToolForm.OPEN + "\n", "\n" + ToolForm.CLOSE),
    /** Llama 3.1's: the answer is an object with name and parameters. */
    BARE("parameters", "", ""),
    /** Mistral 7B's: {@code [TOOL_CALLS]}, a space, and a list of objects with name and arguments. */
    LISTED("arguments", ToolForm.LIST + " [", "]"),
    /** Mistral Nemo's: as {@link #LISTED}, without the space. */
    LISTED_TIGHT("arguments", ToolForm.LIST + "[", "]"),
    /** Of a model whose chat template knows no tools: a system message shows them, and asks for Qwen2.5's form. */
    TOLD("arguments", ToolForm.OPEN + "\n", "\n" + ToolForm.CLOSE);

    static final String OPEN = "<tool_call>";
    static final String CLOSE = "</tool_call>";
    static final String LIST = "[TOOL_CALLS]";

    /** What newer models of Mistral's write between a name and its arguments, instead of a list of objects. */
    private static final String LISTLESS = "[ARGS]";

    private static final ObjectMapper JSON = new ObjectMapper();

    private final String argumentsName;
    /** What a required call stands between. */
    private final String before;
    private final String after;

    ToolForm(String argumentsName, String before, String after) {
        this.argumentsName = argumentsName;
        this.before = before;
        this.after = after;
    }

    /**
     * The form of a model.
     *
     * @param template its chat template, null for none
     */
    public static ToolForm of(String template) {
        if (template == null || !template.matches("(?s).*\\btools\\b.*")) {
            return TOLD;
        }
        if (template.contains(OPEN)) {
            return TAGGED;
        }
        if (!template.contains(LIST) || template.contains(LISTLESS)) {
            return BARE;
        }
        return template.contains(LISTED.before) ? LISTED : LISTED_TIGHT;
    }

    /** What an answer has to look like in which a tool has to be called. */
    public ResponseFormat required(ToolUse use) {
        ObjectNode schema = JsonNodeFactory.instance.objectNode();
        ArrayNode calls = schema.putArray("anyOf");
        for (Tool tool : use.tools()) {
            if (use.named() == null || use.named().equals(tool.name())) {
                String place = "#/anyOf/" + calls.size() + "/properties/" + argumentsName;
                ObjectNode call = calls.addObject().put("type", "object").put("additionalProperties", false);
                call.putArray("required").add("name").add(argumentsName);
                ObjectNode properties = call.putObject("properties");
                properties.putObject("name").put("const", tool.name());
                properties.set(argumentsName, moved(parameters(tool), place));
            }
        }
        ResponseFormat call = ResponseFormat.jsonSchema(schema.toString());
        return before.isEmpty() ? call : new ResponseFormat.Enclosed(before, call, after);
    }

    /** A tool's parameters as JSON. */
    static ObjectNode parameters(Tool tool) {
        if (tool.parameters() == null) {
            ObjectNode none = JsonNodeFactory.instance.objectNode().put("type", "object");
            none.putObject("properties");
            return none;
        }
        try {
            if (JSON.readTree(tool.parameters()) instanceof ObjectNode parameters) {
                return parameters;
            }
        } catch (JsonProcessingException e) {
            throw new InvalidRequestException("the parameters of the tool " + tool.name() + " are not JSON: "
                    + e.getOriginalMessage());
        }
        throw new InvalidRequestException("the parameters of the tool " + tool.name() + " are not a JSON object");
    }

    /** A schema that stands elsewhere in a document: what it refers to inside itself moves with it. */
    private static JsonNode moved(JsonNode schema, String place) {
        if (schema instanceof ObjectNode object) {
            JsonNode reference = object.get("$ref");
            if (reference != null && reference.isTextual() && reference.textValue().startsWith("#")) {
                object.set("$ref", TextNode.valueOf(place + reference.textValue().substring(1)));
            }
        }
        schema.forEach(inner -> moved(inner, place));
        return schema;
    }

    /**
     * The messages as this form's template takes them: Mistral's wants ids of its kind, and where a template knows no tools,
     * they and their calls become text.
     *
     * @param use null when no tools are offered
     */
    public List<ChatMessage> messages(List<ChatMessage> messages, ToolUse use) {
        return switch (this) {
            case TAGGED, BARE -> messages;
            case LISTED, LISTED_TIGHT -> new ShortIds().given(messages);
            case TOLD -> told(messages, use);
        };
    }

    private static List<ChatMessage> told(List<ChatMessage> messages, ToolUse use) {
        List<ChatMessage> told = new ArrayList<>();
        for (ChatMessage message : messages) {
            if (message.role().equals("tool")) {
                tellResult(message.content(), told);
            } else {
                told.add(new ChatMessage(message.role(), withCalls(message)));
            }
        }
        if (use != null) {
            boolean hasSystem = !told.isEmpty() && told.get(0).role().equals("system");
            String system = (hasSystem ? told.remove(0).content() + "\n\n" : "") + shown(use);
            told.add(0, ChatMessage.system(system));
        }
        return told;
    }

    /** Results that follow each other are one message, for templates want speakers to take turns. */
    private static void tellResult(String result, List<ChatMessage> told) {
        String text = "<tool_response>\n" + result + "\n</tool_response>";
        int last = told.size() - 1;
        if (last >= 0 && told.get(last).role().equals("user") && told.get(last).content().endsWith("</tool_response>")) {
            text = told.remove(last).content() + "\n" + text;
        }
        told.add(ChatMessage.user(text));
    }

    private static String withCalls(ChatMessage message) {
        StringBuilder text = new StringBuilder(message.content());
        for (ToolCall call : message.toolCalls()) {
            ObjectNode json = JsonNodeFactory.instance.objectNode().put("name", call.name());
            json.set("arguments", arguments(call));
            text.append(text.isEmpty() ? "" : "\n").append(OPEN).append("\n").append(json).append("\n").append(CLOSE);
        }
        return text.toString();
    }

    private static JsonNode arguments(ToolCall call) {
        try {
            return JSON.readTree(call.arguments());
        } catch (JsonProcessingException e) {
            throw new InvalidRequestException("the arguments of a call of " + call.name() + " are not JSON: "
                    + e.getOriginalMessage());
        }
    }

    private static String shown(ToolUse use) {
        StringBuilder text = new StringBuilder("You can call functions. They are, each as a JSON object:\n<tools>\n");
        for (Tool tool : use.tools()) {
            ObjectNode function = JsonNodeFactory.instance.objectNode().put("name", tool.name());
            if (tool.description() != null) {
                function.put("description", tool.description());
            }
            function.set("parameters", parameters(tool));
            text.append(function).append("\n");
        }
        return text.append("</tools>\nTo call one, answer with its name and its arguments as a JSON object:\n").append(OPEN)
                .append("\n{\"name\": \"…\", \"arguments\": {…}}\n").append(CLOSE).toString();
    }
}
