package io.quarkiverse.eagle.openai;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The two forms in which answers are written: messages of a chat, and continued text. */
enum AnswerForm {

    CHAT("chatcmpl-", "chat.completion", "chat.completion.chunk") {
        @Override
        ObjectNode whole(int index, String text) {
            ObjectNode choice = choice(index);
            choice.putObject("message").put("role", "assistant").put("content", text).putNull("refusal");
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
        ObjectNode whole(int index, String text) {
            return choice(index).put("text", text);
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
    abstract ObjectNode whole(int index, String text);

    /**
     * Text that was added to an answer, as a choice of a chunk.
     *
     * @param text null where only the end is told
     * @param first whether it is the answer's first piece
     */
    abstract ObjectNode piece(int index, String text, boolean first);

    private static ObjectNode choice(int index) {
        return JsonNodeFactory.instance.objectNode().put("index", index);
    }
}
