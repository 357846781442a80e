package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.Objects;

import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import io.quarkiverse.eagle.EagleModel;

/**
 * Builds chat models over one model, streaming or not. A {@code ModelBuilderCustomizer<EagleChatModelBuilder>} changes both.
 */
public final class EagleChatModelBuilder {

    private final EagleModel model;
    private EagleChatRequestParameters defaults = EagleChatRequestParameters.EMPTY;
    private List<ChatModelListener> listeners = List.of();
    private boolean logRequests;
    private boolean logResponses;

    EagleChatModelBuilder(EagleModel model) {
        this.model = Objects.requireNonNull(model, "model");
    }

    /** What holds for requests that do not say; what was set before stays where these are null. */
    public EagleChatModelBuilder defaultRequestParameters(ChatRequestParameters value) {
        this.defaults = defaults.overrideWith(value);
        return this;
    }

    /** Hear of every request, answer and failure. */
    public EagleChatModelBuilder listeners(List<ChatModelListener> value) {
        this.listeners = List.copyOf(value);
        return this;
    }

    /** Whether requests are logged, with their text. */
    public EagleChatModelBuilder logRequests(boolean value) {
        this.logRequests = value;
        return this;
    }

    /** Whether answers are logged, with their text. */
    public EagleChatModelBuilder logResponses(boolean value) {
        this.logResponses = value;
        return this;
    }

    EagleModel model() {
        return model;
    }

    EagleChatRequestParameters defaults() {
        return defaults;
    }

    List<ChatModelListener> listeners() {
        return listeners;
    }

    boolean logRequests() {
        return logRequests;
    }

    boolean logResponses() {
        return logResponses;
    }

    public EagleChatModel build() {
        return new EagleChatModel(this);
    }

    public EagleStreamingChatModel buildStreaming() {
        return new EagleStreamingChatModel(this);
    }
}
