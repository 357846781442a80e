package io.quarkiverse.eagle.cli;

import java.util.Locale;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationResult;

/** What is told of a finished answer: a JSON document for programs, one line for people. */
final class AnswerReport {

    private AnswerReport() {
    }

    static ObjectNode json(GenerationResult result) {
        ObjectNode document = Json.object();
        document.put("text", result.text());
        ArrayNode ids = document.putArray("token_ids");
        for (int id : result.tokenIds()) {
            ids.add(id);
        }
        return document
                .put("finish_reason", result.finishReason().json())
                .put("drafter", result.drafter())
                .put("prompt_tokens", result.promptTokens())
                .put("completion_tokens", result.completionTokens())
                .put("cycles", result.cycles())
                .put("tau", result.tau())
                .put("seconds", result.duration().toNanos() / 1e9)
                .put("tokens_per_second", result.tokensPerSecond())
                .put("time_to_first_token_seconds", result.timeToFirstToken().toNanos() / 1e9)
                .put("seed", result.seed());
    }

    static String line(GenerationResult result) {
        return String.format(Locale.ROOT, "%d tokens%s, %.1f tokens/s, τ %.2f, %d cycles, drafter %s",
                result.completionTokens(),
                result.finishReason() == FinishReason.LENGTH ? " (the limit)" : "",
                result.tokensPerSecond(), result.tau(), result.cycles(), result.drafter());
    }
}
