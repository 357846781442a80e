package io.quarkiverse.eagle.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** Reads what is to be continued: the messages of a chat, or prompts of text or token ids. */
final class PromptReader {

    private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");

    private final int mostMessages;

    PromptReader(int mostMessages) {
        this.mostMessages = mostMessages;
    }

    static Fields object(JsonNode body) {
        if (body == null || !body.isObject()) {
            throw RequestError.wrong(null, "the body is not a JSON object; send one");
        }
        return new Fields(body, "");
    }

    GenerationRequest messages(Fields fields) {
        JsonNode messages = fields.array("messages");
        if (messages == null || messages.isEmpty()) {
            throw RequestError.wrong("messages", "messages is missing or empty; send at least one message");
        }
        if (messages.size() > mostMessages) {
            throw RequestError.wrong("messages", "there are " + messages.size() + " messages; at most " + mostMessages
                    + " are taken (" + OpenAiConfig.PREFIX + ".max-messages)");
        }
        List<ChatMessage> chat = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            chat.add(message(messages.get(i), "messages[" + i + "]"));
        }
        return GenerationRequest.chat(chat);
    }

    private static ChatMessage message(JsonNode json, String path) {
        if (!json.isObject()) {
            throw RequestError.wrong(path, path + " is not an object with role and content");
        }
        Fields fields = new Fields(json, path + ".");
        String role = fields.text("role");
        // What newer clients call the system's message.
        String known = "developer".equals(role) ? "system" : role;
        if (known == null || !ROLES.contains(known)) {
            throw RequestError.wrong(path + ".role", path + ".role is " + (role == null ? "missing" : "\"" + role + "\"")
                    + "; it must be system, developer, user, assistant or tool");
        }
        List<ToolCall> calls = known.equals("assistant") ? ToolReader.calls(fields) : List.of();
        return new ChatMessage(known, calls.isEmpty() || fields.has("content") ? content(fields) : "", calls,
                known.equals("tool") ? fields.text("tool_call_id") : null);
    }

    private static String content(Fields message) {
        JsonNode content = message.get("content");
        String name = message.name("content");
        if (content == null || !content.isTextual() && !content.isArray()) {
            throw RequestError.wrong(name, name + " must be a string or a list of text parts");
        }
        if (content.isTextual()) {
            return content.textValue();
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            JsonNode part = content.get(i);
            String path = name + "[" + i + "]";
            if (!"text".equals(part.path("type").textValue())) {
                throw RequestError.unsupported(path + ".type", path + " is not a part of type text; the models read text only");
            }
            if (!part.path("text").isTextual()) {
                throw RequestError.wrong(path + ".text", path + ".text must be a string");
            }
            text.append(part.get("text").textValue());
        }
        return text.toString();
    }

    List<GenerationRequest> prompts(Fields fields) {
        JsonNode prompt = fields.get("prompt");
        if (prompt != null && prompt.isTextual()) {
            return List.of(GenerationRequest.raw(prompt.textValue()));
        }
        List<GenerationRequest> prompts = new ArrayList<>();
        if (prompt != null && prompt.isArray() && !prompt.isEmpty()) {
            if (prompt.get(0).isNumber()) {
                return List.of(ids(prompt));
            }
            prompt.forEach(one -> prompts.add(one.isTextual() ? GenerationRequest.raw(one.textValue()) : ids(one)));
        }
        if (prompts.isEmpty()) {
            throw wrongPrompt();
        }
        return prompts;
    }

    private static GenerationRequest ids(JsonNode list) {
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            if (!list.get(i).canConvertToExactIntegral() || !list.get(i).canConvertToInt()) {
                throw wrongPrompt();
            }
            ids[i] = list.get(i).intValue();
        }
        if (ids.length == 0) {
            throw wrongPrompt();
        }
        return GenerationRequest.tokens(ids);
    }

    private static RequestError wrongPrompt() {
        return RequestError.wrong("prompt", "prompt must be a string, a list of token ids, or a list of such, and not empty");
    }

    /** The token ids of a prompt; refuses one that the model cannot take. */
    int[] tokens(GenerationRequest prompt, SpeculativeModel model) {
        String field = prompt.messages() != null ? "messages" : "prompt";
        try {
            return model.promptIds(prompt);
        } catch (InvalidRequestException e) {
            throw e.getMessage().startsWith("the prompt has ") ? RequestError.promptTooLong(field, e.getMessage())
                    : RequestError.wrong(field, e.getMessage());
        }
    }
}
