package io.quarkiverse.eagle.langchain4j.runtime;

import java.lang.annotation.Annotation;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Function;

import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.Default;
import jakarta.enterprise.inject.Instance;
import jakarta.enterprise.util.TypeLiteral;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.DisabledChatModel;
import dev.langchain4j.model.chat.DisabledStreamingChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.langchain4j.EagleChatModel;
import io.quarkiverse.eagle.langchain4j.EagleChatModelBuilder;
import io.quarkiverse.eagle.langchain4j.EagleChatRequestParameters;
import io.quarkiverse.eagle.langchain4j.runtime.config.ChatModelConfig;
import io.quarkiverse.eagle.langchain4j.runtime.config.LangChain4jEagleConfig;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.langchain4j.ModelBuilderCustomizer;
import io.quarkus.arc.SyntheticCreationalContext;
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.runtime.annotations.Recorder;

/** Makes the chat models of the provider {@code eagle}. */
@Recorder
public class EagleChatModelRecorder {

    private static final TypeLiteral<Instance<ChatModelListener>> LISTENERS = new TypeLiteral<>() {
    };

    private static final TypeLiteral<Instance<ModelBuilderCustomizer<EagleChatModelBuilder>>> CUSTOMIZERS = new TypeLiteral<>() {
    };

    private final RuntimeValue<LangChain4jEagleConfig> config;

    public EagleChatModelRecorder(RuntimeValue<LangChain4jEagleConfig> config) {
        this.config = config;
    }

    /**
     * @param configName the chat model's name
     * @param model the name, under {@code quarkus.eagle}, of the model behind it
     */
    public Function<SyntheticCreationalContext<ChatModel>, ChatModel> chatModel(String configName, String model) {
        LangChain4jEagleConfig.EagleConfigs chat = config.getValue().of(configName);
        return context -> chat.enableIntegration() ? builder(context, chat.chatModel(), configName, model).build()
                : new DisabledChatModel();
    }

    /** The streaming twin of {@link #chatModel}. */
    public Function<SyntheticCreationalContext<StreamingChatModel>, StreamingChatModel> streamingChatModel(String configName,
            String model) {
        LangChain4jEagleConfig.EagleConfigs chat = config.getValue().of(configName);
        return context -> chat.enableIntegration() ? builder(context, chat.chatModel(), configName, model).buildStreaming()
                : new DisabledStreamingChatModel();
    }

    private static EagleChatModelBuilder builder(SyntheticCreationalContext<?> context, ChatModelConfig chat,
            String configName, String model) {
        Annotation qualifier = EagleConfig.DEFAULT_MODEL.equals(model) ? Default.Literal.INSTANCE : new Eagle.Literal(model);
        EagleChatModelBuilder builder = EagleChatModel
                .builder(context.getInjectedReference(EagleModel.class, qualifier))
                .defaultRequestParameters(parameters(chat))
                .listeners(context.getInjectedReference(LISTENERS).stream().toList())
                .logRequests(chat.logRequests().orElse(false))
                .logResponses(chat.logResponses().orElse(false));
        ModelBuilderCustomizer.applyCustomizers(context.getInjectedReference(CUSTOMIZERS, Any.Literal.INSTANCE), builder,
                configName);
        return builder;
    }

    private static EagleChatRequestParameters parameters(ChatModelConfig chat) {
        return EagleChatRequestParameters.builder()
                .temperature(boxed(chat.temperature()))
                .topP(boxed(chat.topP()))
                .topK(boxed(chat.topK()))
                .maxOutputTokens(boxed(chat.maxTokens()))
                .stopSequences(chat.stop().orElse(List.of()))
                .presencePenalty(boxed(chat.presencePenalty()))
                .frequencyPenalty(boxed(chat.frequencyPenalty()))
                .seed(chat.seed().isPresent() ? chat.seed().getAsLong() : null)
                .timeout(chat.timeout().orElse(null))
                .build();
    }

    private static Double boxed(OptionalDouble value) {
        return value.isPresent() ? value.getAsDouble() : null;
    }

    private static Integer boxed(OptionalInt value) {
        return value.isPresent() ? value.getAsInt() : null;
    }
}
