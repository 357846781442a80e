package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

import org.jboss.logging.Logger;

import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationResult;
import io.smallrye.mutiny.infrastructure.Infrastructure;

/** Answers at once; the calling thread waits for the answer, and must be one that may. Thread-safe. */
public final class EagleChatModel implements ChatModel {

    private static final Logger LOG = Logger.getLogger(EagleChatModel.class);

    private final EagleModel model;
    private final EagleChatRequestParameters defaults;
    private final List<ChatModelListener> listeners;
    private final boolean logRequests;
    private final boolean logResponses;

    EagleChatModel(EagleChatModelBuilder builder) {
        this.model = builder.model();
        this.defaults = builder.defaults();
        this.listeners = builder.listeners();
        this.logRequests = builder.logRequests();
        this.logResponses = builder.logResponses();
    }

    /** A builder of chat models over this model. */
    public static EagleChatModelBuilder builder(EagleModel model) {
        return new EagleChatModelBuilder(model);
    }

    @Override
    public ChatResponse doChat(ChatRequest request) {
        if (logRequests) {
            LOG.infof("Request to %s: %s", model.name(), request);
        }
        if (!Infrastructure.canCallerThreadBeBlocked()) {
            throw new IllegalStateException("ChatModel waits for the whole answer, and the thread "
                    + Thread.currentThread().getName() + " must not wait; call it from a worker thread (@Blocking), or use"
                    + " StreamingChatModel");
        }
        ChatResponse response = ChatAnswers.response(model.name(), await(request));
        if (logResponses) {
            LOG.infof("Answer of %s: %s", model.name(), response);
        }
        return response;
    }

    /** Waits; whoever interrupts the thread ends the generation. */
    private GenerationResult await(ChatRequest request) {
        try {
            CompletableFuture<GenerationResult> answer = model.generate(ChatRequests.generation(model.name(), request))
                    .subscribeAsCompletionStage();
            try {
                return answer.get();
            } catch (InterruptedException e) {
                answer.cancel(true);
                Thread.currentThread().interrupt();
                throw new InternalServerException("interrupted while " + model.name() + " was answering", e);
            } catch (ExecutionException e) {
                throw ChatAnswers.error(e.getCause());
            }
        } catch (io.quarkiverse.eagle.InvalidRequestException e) {
            throw ChatAnswers.error(e);
        }
    }

    @Override
    public ChatRequestParameters defaultRequestParameters() {
        return defaults;
    }

    /** So that AI services hold answers that are objects to their classes' schemas. */
    @Override
    public Set<Capability> supportedCapabilities() {
        return Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA);
    }

    @Override
    public List<ChatModelListener> listeners() {
        return listeners;
    }
}
