package io.quarkiverse.eagle.openai;

import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.ToolCall;

/** The two forms in which answers are written: messages of a chat, and continued text. */
enum AnswerForm {

    CHAT("chatcmpl-", "chat.completion", "chat.completion.chunk") {
        @Override
        ObjectNode whole(int index, GenerationResult result) {
            ObjectNode choice = choice(index);
            ObjectNode message = choice.putObject("message").put("role", "assistant");
            boolean calls = !result.toolCalls().isEmpty();
            message.put("content", calls && result.text().isEmpty() ? null : result.text()).putNull("refusal");
            if (calls) {
                ArrayNode list = message.putArray("tool_calls");
                result.toolCalls().forEach(call -> write(call, list.addObject()));
            }
            return choice;
        }

        @Override
        ObjectNode piece(int index, String text, boolean first) {
            ObjectNode choice = choice(index);
            ObjectNode delta = choice.putObject("delta");
            if (first) {
                delta.put("role", "assistant");
            }
            if (text != null) {
                delta.put("content", text);
            }
            return choice;
        }
    },

    TEXT("cmpl-", "text_completion", "text_completion") {
        @Override
        ObjectNode whole(int index, GenerationResult result) {
            return choice(index).put("text", result.text());
        }

        @Override
        ObjectNode piece(int index, String text, boolean first) {
            return choice(index).put("text", text == null ? "" : text);
        }
    };

    final String idPrefix;
    final String object;
    final String chunkObject;

    AnswerForm(String idPrefix, String object, String chunkObject) {
        this.idPrefix = idPrefix;
        this.object = object;
        this.chunkObject = chunkObject;
    }

    /** A complete answer as a choice, without its finish reason and log-probabilities. */
    abstract ObjectNode whole(int index, GenerationResult result);

    /**
     * Text that was added to an answer, as a choice of a chunk.
     *
     * @param text null where only the end is told
     * @param first whether it is the answer's first piece
     */
    abstract ObjectNode piece(int index, String text, boolean first);

    /** Calls that an answer asks for, as a choice of a chunk. */
    static ObjectNode calls(int index, List<ToolCall> calls, boolean first) {
        ObjectNode choice = CHAT.piece(index, null, first);
        ArrayNode list = ((ObjectNode) choice.get("delta")).putArray("tool_calls");
        for (ToolCall call : calls) {
            write(call, list.addObject().put("index", list.size() - 1));
        }
        return choice;
    }

    private static void write(ToolCall call, ObjectNode json) {
        json.put("id", "call_" + UUID.randomUUID().toString().replace("-", "")).put("type", "function");
        json.putObject("function").put("name", call.name()).put("arguments", call.arguments());
    }

    private static ObjectNode choice(int index) {
        return JsonNodeFactory.instance.objectNode().put("index", index);
    }
}
