package io.quarkiverse.eagle;

import java.time.Duration;
import java.util.List;

/**
 * A finished generation.
 *
 * @param text the answer, without the token or string that ended it
 * @param tokenIds all generated tokens, the ending token included
 * @param finishReason why it ended
 * @param drafter the drafter that ran
 * @param promptTokens tokens of the prompt
 * @param cachedTokens of these, how many were not read again because an earlier sequence had begun with them
 * @param cycles draft-verify cycles (target steps after the prompt)
 * @param duration from the start of the prompt's first step to the last token
 * @param timeToFirstToken from the start of the prompt's first step to the first token
 * @param seed the seed of the draws, also when it was drawn for the request
 * @param toolCalls calls of offered tools that the model asks for; they are not part of the text
 */
public record GenerationResult(String text, int[] tokenIds, FinishReason finishReason, String drafter, int promptTokens,
        int cachedTokens, int cycles, Duration duration, Duration timeToFirstToken, long seed, List<ToolCall> toolCalls) {

    public int completionTokens() {
        return tokenIds.length;
    }

    /**
     * Mean tokens per draft-verify cycle. The first token comes from the prompt's own step and is not counted; 0 when no
     * cycle ran.
     */
    public double tau() {
        return cycles == 0 ? 0 : (tokenIds.length - 1) / (double) cycles;
    }

    /** Generated tokens per second after the first token; 0 when there are none. */
    public double tokensPerSecond() {
        double seconds = duration.minus(timeToFirstToken).toNanos() / 1e9;
        return tokenIds.length < 2 || seconds <= 0 ? 0 : (tokenIds.length - 1) / seconds;
    }
}
