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

import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.InvalidRequestException;

/**
 * A model's chat template, rendered as Hugging Face's {@code apply_chat_template} renders it: Jinja2 with {@code trim_blocks}
 * and {@code lstrip_blocks}; the template sees {@code messages}, {@code add_generation_prompt}, {@code bos_token},
 * {@code eos_token}, {@code raise_exception} and {@code strftime_now}; {@code tools} is undefined.
 * <p>
 * Messages are values, never template source: whatever they contain comes out as it is. A template reaches no Java class, no
 * file and no other template. Immutable.
 * <p>
 * Where Jinjava differs from Jinja2, {@link TemplateSource} and {@link TemplateValues} bridge the difference; what remains:
 * booleans and numbers print in Java's form, an undefined value prints as nothing and equals {@code none}, and constructs
 * outside chat templates' usual vocabulary are refused by name.
 */
public final class ChatTemplate {

    /** Null when the model has no template. */
    private final String source;
    private final Map<String, String> tokens;

    private ChatTemplate(String source, Map<String, String> tokens) {
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
        return new ChatTemplate(TemplateSource.forJinjava(template), tokens);
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
        return new ChatTemplate(null, Map.of());
    }

    public boolean exists() {
        return source != null;
    }

    /**
     * The prompt text for these messages. It contains the model's special markers as text, the beginning of sequence included
     * where the template writes it: encode it without adding special tokens.
     *
     * @param addGenerationPrompt ends with the opening of an assistant message
     * @throws InvalidRequestException the model has no template, or its template refuses these messages
     * @throws ChatTemplateException the template uses a construct that is not supported
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        if (source == null) {
            throw new InvalidRequestException(
                    "the model has no chat template, so chat messages cannot be turned into a prompt; send raw text instead");
        }
        Map<String, Object> variables = new HashMap<>(tokens);
        TemplateRuntime.FUNCTIONS.forEach(name -> variables.put(name, true)); // for "strftime_now is defined"
        variables.put("messages", values(messages));
        variables.put("add_generation_prompt", addGenerationPrompt);
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
            values.add(value);
        }
        return values;
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
