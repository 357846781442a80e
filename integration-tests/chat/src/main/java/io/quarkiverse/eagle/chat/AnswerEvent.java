package io.quarkiverse.eagle.chat;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * One event of an answer.
 *
 * @param text the text that became certain
 * @param cycle number of the draft-verify cycle that brought it; 0 is the prompt's own step
 * @param tokens tokens so far
 * @param tau tokens per cycle so far
 * @param tokensPerSecond tokens per second since the first one
 * @param finish why the answer ended, on its last event
 * @param error what went wrong, on the last event of a failed answer
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AnswerEvent(String text, int cycle, int tokens, double tau, double tokensPerSecond, String finish,
        String error) {

    static AnswerEvent failure(String message) {
        return new AnswerEvent("", 0, 0, 0, 0, null, message);
    }
}
