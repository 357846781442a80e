package io.quarkiverse.eagle.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;

import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationResult;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerResponse;

/**
 * Writes the answers of a request as server-sent events while they are decoded. Tokens are asked for as fast as the client
 * reads:
 * a slow one pauses its own generations. A client that goes away ends them. All state is confined to the response's context.
 */
final class EventStream {

    /** Tokens of a choice that may be on their way to the client's socket. */
    private static final int WINDOW = 16;

    private final CompletionCall call;
    private final HttpServerResponse response;
    private final Context context;
    private final AnswerJson json;
    private final Logprobs logprobs;
    private final List<Choice> choices = new ArrayList<>();
    private final List<GenerationResult> results = new ArrayList<>();
    private boolean over;

    /** @param context the response's own, where everything is written */
    EventStream(CompletionCall call, HttpServerResponse response, Context context) {
        this.call = call;
        this.response = response;
        this.context = context;
        this.json = new AnswerJson(call);
        this.logprobs = new Logprobs(call);
        for (int i = 0; i < call.choices().size(); i++) {
            choices.add(new Choice(i));
        }
    }

    void start() {
        context.runOnContext(watch -> {
            if (response.closed()) {
                stop();
                return;
            }
            response.closeHandler(gone -> stop());
            response.exceptionHandler(broken -> stop());
            response.drainHandler(drained -> choices.forEach(Choice::ask));
        });
        for (Choice choice : choices) {
            call.model().stream(call.choices().get(choice.index)).subscribe(choice);
        }
    }

    private void stop() {
        over = true;
        choices.forEach(Choice::cancel);
    }

    private void send(String event) {
        if (!response.headWritten()) {
            response.setChunked(true).putHeader("Content-Type", "text/event-stream;charset=UTF-8")
                    .putHeader("Cache-Control", "no-cache").putHeader("X-Accel-Buffering", "no");
        }
        response.write("data: " + event + "\n\n");
    }

    /** Before the first event a failure is a status of its own; later it is an event, and the stream ends without its mark. */
    private void fail(Throwable failure) {
        if (over) {
            return;
        }
        stop();
        if (response.headWritten()) {
            send(Responses.error(failure).json().toString());
            response.end();
        } else {
            Responses.fail(response, failure);
        }
    }

    private void finish(GenerationResult result) {
        results.add(result);
        if (results.size() == choices.size()) {
            over = true;
            if (call.usageChunk()) {
                send(json.usageChunk(results).toString());
            }
            send("[DONE]");
            response.end();
        }
    }

    /** One answer. Signals come on worker threads, and are handled on the context in the same order. */
    private final class Choice implements Flow.Subscriber<GeneratedToken> {

        private final int index;
        private Flow.Subscription subscription;
        private boolean begun;
        private boolean ended;
        private int characters;
        /** Tokens that were handled and not asked for again. */
        private int free = WINDOW;

        Choice(int index) {
            this.index = index;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            context.runOnContext(subscribed -> {
                subscription = given;
                if (over) {
                    given.cancel();
                } else {
                    ask();
                }
            });
        }

        @Override
        public void onNext(GeneratedToken token) {
            context.runOnContext(came -> handle(token));
        }

        @Override
        public void onError(Throwable failure) {
            context.runOnContext(failed -> fail(failure));
        }

        @Override
        public void onComplete() {
            // The last token carries the result.
        }

        private void handle(GeneratedToken token) {
            if (over) {
                return;
            }
            try {
                write(token);
            } catch (RuntimeException e) {
                fail(e);
                return;
            }
            free++;
            ask();
        }

        private void write(GeneratedToken token) {
            GenerationResult result = token.result();
            String reason = result == null ? null : json.finishReason(result);
            if (!token.text().isEmpty() || call.logprobs() >= 0) {
                ObjectNode piece = piece(token.text());
                piece.set("logprobs", logprobs.json(List.of(token), characters));
                piece.putNull("finish_reason");
                send(json.chunk(piece).toString());
                characters += token.text().length();
            }
            if (result != null) {
                ended = true;
                if (!result.toolCalls().isEmpty()) {
                    ObjectNode calls = AnswerForm.calls(index, result.toolCalls(), !begun).putNull("finish_reason");
                    begun = true;
                    send(json.chunk(calls).toString());
                }
                ObjectNode chunk = json.chunk(piece(null).putNull("logprobs").put("finish_reason", reason));
                chunk.set("eagle", AnswerJson.eagle(List.of(result)));
                send(chunk.toString());
                finish(result);
            }
        }

        private ObjectNode piece(String text) {
            boolean first = !begun;
            begun = true;
            return call.form().piece(index, text, first);
        }

        private void ask() {
            if (subscription != null && !over && !ended && free > 0 && !response.writeQueueFull()) {
                int asked = free;
                free = 0;
                subscription.request(asked);
            }
        }

        private void cancel() {
            if (subscription != null) {
                subscription.cancel();
            }
        }
    }
}
