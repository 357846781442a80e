package io.quarkiverse.eagle.tools;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Pattern;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.ToolCall;

/**
 * Gives the calls and results of a chat the ids that Mistral's templates ask for: nine letters or digits. An id of another form
 * always becomes the same one, so that a chat that goes on begins with the same prompt. Mutable, for one chat.
 */
final class ShortIds {

    static final int LENGTH = 9;

    private static final Pattern SHORT = Pattern.compile("[A-Za-z0-9]{" + LENGTH + "}");

    /** Calls without a result, in order. */
    private final Deque<String> open = new ArrayDeque<>();
    private int made;

    List<ChatMessage> given(List<ChatMessage> messages) {
        List<ChatMessage> all = new ArrayList<>();
        for (ChatMessage message : messages) {
            if (message.role().equals("tool")) {
                all.add(ChatMessage.tool(message.content(), ofResult(message.toolCallId())));
            } else if (message.toolCalls().isEmpty()) {
                all.add(message);
            } else {
                all.add(new ChatMessage(message.role(), message.content(),
                        message.toolCalls().stream().map(this::withId).toList()));
            }
        }
        return all;
    }

    private ToolCall withId(ToolCall call) {
        String id = call.id() == null ? next() : shortened(call.id());
        open.add(id);
        return new ToolCall(call.name(), call.arguments(), id);
    }

    private String ofResult(String id) {
        if (id == null) {
            return open.isEmpty() ? next() : open.poll();
        }
        String known = shortened(id);
        open.remove(known);
        return known;
    }

    private String next() {
        return String.format(Locale.ROOT, "call%05d", ++made);
    }

    private static String shortened(String id) {
        return SHORT.matcher(id).matches() ? id
                : UUID.nameUUIDFromBytes(id.getBytes(StandardCharsets.UTF_8)).toString().replace("-", "").substring(0,
                        LENGTH);
    }
}
