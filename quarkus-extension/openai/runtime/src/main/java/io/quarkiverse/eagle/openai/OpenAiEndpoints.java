package io.quarkiverse.eagle.openai;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;

/**
 * The endpoints. A request's body is collected on the event loop; reading it, which includes the tokenizer's work, and
 * everything
 * that follows up to the first token happens on a worker.
 */
public final class OpenAiEndpoints {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final OpenAiConfig config;
    private final ApiKeys keys;
    private final ModelDirectory models;
    private final CompletionReader reader;
    private final PromptReader prompts;
    private final Executor workers;
    private final long startedAt = System.currentTimeMillis() / 1000;

    /** @param workers runs what may block */
    OpenAiEndpoints(OpenAiConfig config, OpenModels open, Executor workers) {
        this.config = config;
        this.workers = workers;
        this.keys = new ApiKeys(config.apiKeys().orElse(List.of()));
        this.models = new ModelDirectory(open);
        this.reader = new CompletionReader(config, models);
        this.prompts = new PromptReader(config.maxMessages());
    }

    void chatCompletions(RoutingContext routing) {
        complete(routing, AnswerForm.CHAT);
    }

    void completions(RoutingContext routing) {
        complete(routing, AnswerForm.TEXT);
    }

    private void complete(RoutingContext routing, AnswerForm form) {
        withBody(routing, (body, tenant, context) -> {
            CompletionCall call = reader.read(body, form, tenant);
            if (call.stream()) {
                new EventStream(call, routing.response(), context).start();
            } else {
                new WholeAnswer(call, routing.response(), context).start();
            }
        });
    }

    /** The token ids that a prompt becomes: those of {@code messages} through the chat template, or of a text. */
    void tokenize(RoutingContext routing) {
        withBody(routing, (body, tenant, context) -> {
            Fields fields = PromptReader.object(body);
            ModelDirectory.Entry model = models.find(fields.text("model"));
            GenerationRequest prompt = fields.has("messages") ? prompts.messages(fields) : prompts.prompts(fields).get(0);
            int[] ids = prompts.tokens(prompt, model.model());
            ObjectNode answer = JsonNodeFactory.instance.objectNode().put("model", model.name()).put("count", ids.length)
                    .put("max_model_len", model.model().manifest().maxLength());
            ArrayNode tokens = answer.putArray("tokens");
            for (int id : ids) {
                tokens.add(id);
            }
            context.runOnContext(ready -> Responses.json(routing.response(), 200, answer));
        });
    }

    void listModels(RoutingContext routing) {
        admitted(routing, tenant -> {
            ObjectNode list = JsonNodeFactory.instance.objectNode().put("object", "list");
            ArrayNode data = list.putArray("data");
            models.names().forEach(name -> data.add(described(name)));
            Responses.json(routing.response(), 200, list);
        });
    }

    void describeModel(RoutingContext routing) {
        admitted(routing, tenant -> Responses.json(routing.response(), 200,
                described(models.find(routing.pathParam("model")).name())));
    }

    private ObjectNode described(String name) {
        return JsonNodeFactory.instance.objectNode().put("id", name).put("object", "model").put("created", startedAt)
                .put("owned_by", "quarkus-eagle");
    }

    /** @param answer takes whose request it is, null for nobody's */
    private void admitted(RoutingContext routing, Consumer<String> answer) {
        try {
            answer.accept(keys.tenant(routing.request().getHeader("Authorization")));
        } catch (RuntimeException e) {
            Responses.fail(routing.response(), e);
        }
    }

    /** What a worker does with a request; takes the body, whose request it is, and the response's context. */
    private interface Work {
        void accept(JsonNode body, String tenant, Context context);
    }

    private void withBody(RoutingContext routing, Work work) {
        admitted(routing, tenant -> collect(routing, body -> {
            Context context = routing.vertx().getOrCreateContext();
            try {
                workers.execute(() -> {
                    try {
                        work.accept(parse(body), tenant, context);
                    } catch (RuntimeException e) {
                        context.runOnContext(failed -> Responses.fail(routing.response(), e));
                    }
                });
            } catch (RejectedExecutionException e) {
                Responses.fail(routing.response(), e);
            }
        }));
    }

    private void collect(RoutingContext routing, Consumer<Buffer> whole) {
        long limit = config.maxBodySize().asLongValue();
        HttpServerRequest request = routing.request();
        Buffer read = routing.body() == null ? null : routing.body().buffer();
        if (read != null || request.isEnded()) { // another extension reads bodies before any route sees the request
            if (read != null && read.length() > limit) {
                throw RequestError.bodyTooLarge(limit);
            }
            whole.accept(read == null ? Buffer.buffer() : read);
            return;
        }
        Buffer body = Buffer.buffer();
        request.handler(piece -> {
            if (body.length() + (long) piece.length() <= limit) {
                body.appendBuffer(piece);
            } else {
                request.handler(null).endHandler(null);
                Responses.fail(routing.response(), RequestError.bodyTooLarge(limit));
            }
        });
        request.endHandler(end -> whole.accept(body));
        request.resume();
    }

    private static JsonNode parse(Buffer body) {
        try {
            return JSON.readTree(body.getBytes());
        } catch (JsonProcessingException e) {
            throw RequestError.wrong(null, "the body is not JSON: " + e.getOriginalMessage());
        } catch (IOException e) {
            throw RequestError.wrong(null, "the body cannot be read: " + e.getMessage());
        }
    }
}
