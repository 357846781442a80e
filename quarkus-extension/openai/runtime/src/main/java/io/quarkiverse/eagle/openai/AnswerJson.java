package io.quarkiverse.eagle.openai;

import java.util.Collection;
import java.util.UUID;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** The JSON around choices: what every object of one response has in common. */
final class AnswerJson {

    private final CompletionCall call;
    private final String id;
    private final long created = System.currentTimeMillis() / 1000;

    AnswerJson(CompletionCall call) {
        this.call = call;
        this.id = call.form().idPrefix + UUID.randomUUID().toString().replace("-", "");
    }

    /** A whole response; the caller adds the choices. */
    ObjectNode whole(Collection<GenerationResult> results) {
        ObjectNode json = envelope(call.form().object);
        usage(json, results);
        return json;
    }

    /** A chunk with one choice. */
    ObjectNode chunk(ObjectNode choice) {
        ObjectNode json = envelope(call.form().chunkObject);
        choices(json).add(choice);
        if (call.usageChunk()) {
            json.putNull("usage");
        }
        return json;
    }

    /** The last chunk of a stream, without choices. */
    ObjectNode usageChunk(Collection<GenerationResult> results) {
        ObjectNode json = envelope(call.form().chunkObject);
        usage(json, results);
        return json;
    }

    static ArrayNode choices(ObjectNode json) {
        return (ArrayNode) json.get("choices");
    }

    /** What speculation brought to these answers, in a field of our own. */
    static ObjectNode eagle(Collection<GenerationResult> results) {
        int cycles = results.stream().mapToInt(GenerationResult::cycles).sum();
        int drafted = results.stream().mapToInt(result -> Math.max(0, result.completionTokens() - 1)).sum();
        return JsonNodeFactory.instance.objectNode()
                .put("drafter", results.iterator().next().drafter())
                .put("cycles", cycles)
                .put("tau", cycles == 0 ? 0 : drafted / (double) cycles);
    }

    /** @throws RequestError the generation was ended before its answer was complete */
    String finishReason(GenerationResult result) {
        return switch (result.finishReason()) {
            case DEADLINE -> throw RequestError.deadlinePassed(model().timeToClear());
            case SHUTDOWN -> throw RequestError.shutDown(model().timeToClear());
            case ABANDONED -> throw RequestError.abandoned();
            case STOP -> result.toolCalls().isEmpty() ? result.finishReason().json() : "tool_calls";
            default -> result.finishReason().json();
        };
    }

    private SpeculativeModel model() {
        return call.model().model();
    }

    private ObjectNode envelope(String object) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("id", id).put("object", object).put("created", created).put("model", call.model().name());
        json.putArray("choices");
        return json;
    }

    private void usage(ObjectNode json, Collection<GenerationResult> results) {
        int completion = results.stream().mapToInt(GenerationResult::completionTokens).sum();
        json.putObject("usage").put("prompt_tokens", call.promptTokens()).put("completion_tokens", completion)
                .put("total_tokens", call.promptTokens() + completion);
        json.set("eagle", eagle(results));
    }
}
