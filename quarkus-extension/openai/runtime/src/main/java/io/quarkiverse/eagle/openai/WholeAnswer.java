package io.quarkiverse.eagle.openai;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationResult;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerResponse;

/** Decodes all answers of a request and writes them as one JSON document. A client that goes away ends the generations. */
final class WholeAnswer {

    private final CompletionCall call;
    private final HttpServerResponse response;
    private final Context context;
    private final AnswerJson json;
    private final Logprobs logprobs;

    /** @param context the response's own, where everything is written */
    WholeAnswer(CompletionCall call, HttpServerResponse response, Context context) {
        this.call = call;
        this.response = response;
        this.context = context;
        this.json = new AnswerJson(call);
        this.logprobs = new Logprobs(call);
    }

    void start() {
        List<Uni<List<GeneratedToken>>> answers = call.choices().stream()
                .map(choice -> call.model().stream(choice).collect().asList()).toList();
        Cancellable running = Uni.join().all(answers).andFailFast().map(this::document).subscribe().with(
                document -> context.runOnContext(ready -> Responses.json(response, 200, document)),
                failure -> context.runOnContext(failed -> Responses.fail(response, failure)));
        context.runOnContext(watch -> {
            if (response.closed()) {
                running.cancel();
            } else if (!response.ended()) {
                response.closeHandler(gone -> running.cancel());
                response.exceptionHandler(broken -> running.cancel());
            }
        });
    }

    private ObjectNode document(List<List<GeneratedToken>> answers) {
        List<GenerationResult> results = new ArrayList<>();
        List<ObjectNode> choices = new ArrayList<>();
        for (List<GeneratedToken> tokens : answers) {
            GenerationResult result = tokens.get(tokens.size() - 1).result();
            ObjectNode choice = call.form().whole(results.size(), result);
            choice.put("finish_reason", json.finishReason(result));
            choice.set("logprobs", logprobs.json(tokens, 0));
            choices.add(choice);
            results.add(result);
        }
        ObjectNode document = json.whole(results);
        AnswerJson.choices(document).addAll(choices);
        return document;
    }
}
