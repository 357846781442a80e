package io.quarkiverse.eagle;

import java.util.List;
import java.util.Objects;

/**
 * One message of a chat, in the words of the model's own template.
 *
 * @param role {@code system}, {@code user}, {@code assistant} or {@code tool}, or another role that the template knows
 * @param content the text
 * @param toolCalls what an assistant asked for
 * @param toolCallId the id of the call that a tool's message answers; null where results come in the calls' order
 */
public record ChatMessage(String role, String content, List<ToolCall> toolCalls, String toolCallId) {

    public ChatMessage {
        Objects.requireNonNull(role, "role");
        Objects.requireNonNull(content, "content");
        toolCalls = toolCalls == null ? List.of() : List.copyOf(toolCalls);
    }

    public ChatMessage(String role, String content, List<ToolCall> toolCalls) {
        this(role, content, toolCalls, null);
    }

    public ChatMessage(String role, String content) {
        this(role, content, List.of());
    }

    public static ChatMessage system(String content) {
        return new ChatMessage("system", content);
    }

    public static ChatMessage user(String content) {
        return new ChatMessage("user", content);
    }

    public static ChatMessage assistant(String content) {
        return new ChatMessage("assistant", content);
    }

    /** An assistant's wish for calls, with what it said beside them. */
    public static ChatMessage assistant(String content, List<ToolCall> toolCalls) {
        return new ChatMessage("assistant", content, toolCalls);
    }

    /** What a tool gave back. */
    public static ChatMessage tool(String result) {
        return new ChatMessage("tool", result);
    }

    /** What a tool gave back to the call of this id. */
    public static ChatMessage tool(String result, String toolCallId) {
        return new ChatMessage("tool", result, List.of(), toolCallId);
    }
}
