package io.quarkiverse.eagle.runtime.devui;

/**
 * What the Dev UI is told while it watches a generation: a token at a time, and in the end how it went.
 *
 * @param text the token's text
 * @param cycle the cycle that brought this token and those that follow, with its first token; null with others
 * @param answer how the generation ended, with the last token; null before
 * @param error why the request failed, in place of all else; null when it did not
 */
public record ShownStep(String text, ShownCycle cycle, ShownAnswer answer, String error) {

    static ShownStep failed(Throwable reason) {
        return new ShownStep("", null, null, reason.getMessage() == null ? reason.toString() : reason.getMessage());
    }

    /**
     * A generation that came to its end.
     *
     * @param reason why it ended
     * @param drafter the drafter that ran
     * @param tokens tokens of the answer
     * @param cycles draft-verify cycles
     * @param tau tokens per cycle
     * @param tokensPerSecond after the first token
     */
    public record ShownAnswer(String reason, String drafter, int tokens, int cycles, double tau, double tokensPerSecond) {
    }
}
