package io.quarkiverse.eagle.chat;

import java.util.List;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;

/**
 * What the page asks.
 *
 * @param messages the conversation, the new question last
 * @param drafting false decodes plainly, for comparison
 */
public record Question(List<ChatMessage> messages, boolean drafting) {

    private static final int LONGEST_ANSWER = 400;

    GenerationRequest request() {
        if (messages == null) {
            throw new InvalidRequestException("messages is missing; send the conversation");
        }
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(LONGEST_ANSWER);
        return GenerationRequest.chat(messages).with(drafting ? options : options.withDrafter("none"));
    }
}
