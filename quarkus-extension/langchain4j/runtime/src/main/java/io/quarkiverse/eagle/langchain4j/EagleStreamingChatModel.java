package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.Set;

import org.jboss.logging.Logger;

import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationRequest;

/**
 * Answers token by token. Handlers are called on Quarkus' worker pool, where they may block: a slow one pauses its own answer
 * only. Cancelling through the handler's {@code StreamingHandle} frees the model's slot. Thread-safe.
 */
public final class EagleStreamingChatModel implements StreamingChatModel {

    private static final Logger LOG = Logger.getLogger(EagleStreamingChatModel.class);

    private final EagleModel model;
    private final EagleChatRequestParameters defaults;
    private final List<ChatModelListener> listeners;
    private final boolean logRequests;
    private final boolean logResponses;

    EagleStreamingChatModel(EagleChatModelBuilder builder) {
        this.model = builder.model();
        this.defaults = builder.defaults();
        this.listeners = builder.listeners();
        this.logRequests = builder.logRequests();
        this.logResponses = builder.logResponses();
    }

    @Override
    public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
        if (logRequests) {
            LOG.infof("Request to %s: %s", model.name(), request);
        }
        GenerationRequest generation;
        try {
            generation = ChatRequests.generation(model.name(), request);
        } catch (RuntimeException e) {
            handler.onError(ChatAnswers.error(e));
            return;
        }
        model.stream(generation).subscribe().withSubscriber(new AnswerStream(model.name(), handler, logResponses));
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
