package io.quarkiverse.eagle.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;

/**
 * A model's chat template, rendered as Hugging Face's {@code apply_chat_template} renders it: Jinja2 with {@code trim_blocks}
 * and {@code lstrip_blocks}; the template sees {@code messages}, {@code add_generation_prompt}, {@code bos_token},
 * {@code eos_token}, {@code raise_exception}, {@code strftime_now}, and {@code tools} where there are some.
 * <p>
 * Messages are values, never template source: whatever they contain comes out as it is. A template reaches no Java class, no
 * file and no other template. Immutable.
 * <p>
 * Where Jinjava differs from Jinja2, {@link TemplateSource} and {@link TemplateValues} bridge the difference; what remains:
 * booleans and numbers print in Java's form, an undefined value prints as nothing and equals {@code none}, and constructs
 * outside chat templates' usual vocabulary are refused by name.
 */
public final class ChatTemplate {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String NO_PARAMETERS = "{\"type\": \"object\", \"properties\": {}}";

    /** As the model has it, and as Jinjava reads it; null when the model has no template. */
    private final String written;
    private final String source;
    private final Map<String, String> tokens;

    private ChatTemplate(String written, String source, Map<String, String> tokens) {
        this.written = written;
        this.source = source;
        this.tokens = tokens;
    }

    /**
     * @param template Jinja2 source
     * @param bosToken text of the beginning-of-sequence token, null when the model has none
     * @param eosToken text of the end-of-sequence token, null when the model has none
     * @throws ChatTemplateException the template needs what cannot be given to it
     */
    public static ChatTemplate of(String template, String bosToken, String eosToken) {
        Objects.requireNonNull(template, "template");
        Map<String, String> tokens = new HashMap<>();
        define("bos_token", bosToken, template, tokens);
        define("eos_token", eosToken, template, tokens);
        return new ChatTemplate(template, TemplateSource.forJinjava(template), tokens);
    }

    /** As {@link #of}, from a file; {@link #none()} when there is no such file. */
    public static ChatTemplate load(Path file, String bosToken, String eosToken) {
        if (!Files.exists(file)) {
            return none();
        }
        try {
            return of(Files.readString(file), bosToken, eosToken);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the chat template " + file + ": " + e.getMessage(), e);
        }
    }

    /** The template of a model that has none: refuses to render, and says what to do instead. */
    public static ChatTemplate none() {
        return new ChatTemplate(null, null, Map.of());
    }

    public boolean exists() {
        return source != null;
    }

    /** The template as the model has it, null when it has none. */
    public String source() {
        return written;
    }

    /** As {@link #render(List, boolean, List)}, without tools. */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, List.of());
    }

    /**
     * The prompt text for these messages. It contains the model's special markers as text, the beginning of sequence included
     * where the template writes it: encode it without adding special tokens.
     *
     * @param addGenerationPrompt ends with the opening of an assistant message
     * @param tools what the template sees as {@code tools}, which is undefined where there are none
     * @throws InvalidRequestException the model has no template, or its template refuses these messages
     * @throws ChatTemplateException the template uses a construct that is not supported
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt, List<Tool> tools) {
        if (source == null) {
            throw new InvalidRequestException(
                    "the model has no chat template, so chat messages cannot be turned into a prompt; send raw text instead");
        }
        Map<String, Object> variables = new HashMap<>(tokens);
        TemplateRuntime.FUNCTIONS.forEach(name -> variables.put(name, true)); // for "strftime_now is defined"
        variables.put("messages", values(messages));
        variables.put("add_generation_prompt", addGenerationPrompt);
        if (!tools.isEmpty()) {
            variables.put("tools", tools.stream().map(ChatTemplate::value).toList());
        }
        RenderResult result = TemplateRuntime.jinjava().renderForResult(source, variables);
        for (TemplateError error : result.getErrors()) {
            throw failure(error);
        }
        return result.getOutput();
    }

    private static RuntimeException failure(TemplateError error) {
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof TemplateRuntime.Refusal) {
                return new InvalidRequestException("the chat template refuses these messages: " + cause.getMessage());
            }
        }
        return new ChatTemplateException("the chat template cannot be rendered: " + error.getMessage(), error.getException());
    }

    private static List<Map<String, Object>> values(List<ChatMessage> messages) {
        List<Map<String, Object>> values = new ArrayList<>();
        for (ChatMessage message : messages) {
            Map<String, Object> value = new LinkedHashMap<>();
            value.put("role", message.role());
            value.put("content", message.content());
            if (!message.toolCalls().isEmpty()) {
                value.put("tool_calls", message.toolCalls().stream().map(ChatTemplate::value).toList());
            }
            if (message.toolCallId() != null) {
                value.put("tool_call_id", message.toolCallId());
            }
            values.add(value);
        }
        return values;
    }

    private static Map<String, Object> value(Tool tool) {
        Map<String, Object> function = new LinkedHashMap<>();
        function.put("name", tool.name());
        if (tool.description() != null) {
            function.put("description", tool.description());
        }
        function.put("parameters", object(tool.parameters() == null ? NO_PARAMETERS : tool.parameters(),
                "the parameters of the tool " + tool.name()));
        return function(function);
    }

    private static Map<String, Object> value(ToolCall call) {
        Map<String, Object> function = new LinkedHashMap<>();
        function.put("name", call.name());
        function.put("arguments", object(call.arguments(), "the arguments of a call of " + call.name()));
        Map<String, Object> value = new LinkedHashMap<>();
        if (call.id() != null) {
            value.put("id", call.id());
        }
        value.putAll(function(function));
        return value;
    }

    private static Map<String, Object> function(Map<String, Object> function) {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("type", "function");
        value.put("function", function);
        return value;
    }

    private static Map<String, Object> object(String json, String what) {
        try {
            return JSON.readValue(json, new TypeReference<LinkedHashMap<String, Object>>() {
            });
        } catch (JsonProcessingException e) {
            throw new InvalidRequestException(what + " are not a JSON object: " + e.getOriginalMessage());
        }
    }

    private static void define(String name, String value, String template, Map<String, String> tokens) {
        if (value != null) {
            tokens.put(name, value);
        } else if (Pattern.compile("\\b" + name + "\\b(?! is (not )?defined)").matcher(template).find()) {
            throw new ChatTemplateException("the chat template uses " + name
                    + ", but the model does not define it; add it to the bundle's special tokens");
        }
    }
}
