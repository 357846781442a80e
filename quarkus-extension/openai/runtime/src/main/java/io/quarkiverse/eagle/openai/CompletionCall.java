package io.quarkiverse.eagle.openai;

import java.util.List;

import io.quarkiverse.eagle.GenerationRequest;

/**
 * A request for completions, read and checked.
 *
 * @param form how answers are written
 * @param model the model that answers
 * @param choices one generation for each answer: a prompt's answers one after the other, prompt after prompt
 * @param promptTokens tokens of all prompts, each counted once
 * @param stream whether tokens are sent as they come
 * @param usageChunk whether a stream ends with a chunk that counts tokens
 * @param logprobs alternatives to report per token; -1 for no log-probabilities at all
 */
record CompletionCall(AnswerForm form, ModelDirectory.Entry model, List<GenerationRequest> choices, int promptTokens,
        boolean stream, boolean usageChunk, int logprobs) {
}
