package io.quarkiverse.eagle.langchain4j.deployment;

import static io.quarkiverse.langchain4j.deployment.LangChain4jDotNames.CHAT_MODEL;
import static io.quarkiverse.langchain4j.deployment.LangChain4jDotNames.STREAMING_CHAT_MODEL;

import java.util.List;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.Default;

import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.ClassType;
import org.jboss.jandex.DotName;
import org.jboss.jandex.ParameterizedType;
import org.jboss.jandex.Type;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.deployment.RequestedEagleModelBuildItem;
import io.quarkiverse.eagle.langchain4j.EagleChatModelBuilder;
import io.quarkiverse.eagle.langchain4j.runtime.EagleChatModelRecorder;
import io.quarkiverse.eagle.langchain4j.runtime.config.LangChain4jEagleFixedRuntimeConfig;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.langchain4j.ModelName;
import io.quarkiverse.langchain4j.deployment.DotNames;
import io.quarkiverse.langchain4j.deployment.items.ChatModelProviderCandidateBuildItem;
import io.quarkiverse.langchain4j.deployment.items.SelectedChatModelProviderBuildItem;
import io.quarkiverse.langchain4j.runtime.NamedConfigUtil;
import io.quarkus.arc.deployment.SyntheticBeanBuildItem;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.ExecutionTime;
import io.quarkus.deployment.annotations.Record;
import io.quarkus.deployment.builditem.FeatureBuildItem;

/** Offers the provider, and makes the chat models that select it. */
class LangChain4jEagleProcessor {

    private static final String FEATURE = "langchain4j-eagle";
    private static final String PROVIDER = "eagle";

    private static final AnnotationInstance ANY = AnnotationInstance.builder(Any.class).build();

    @BuildStep
    FeatureBuildItem feature() {
        return new FeatureBuildItem(FEATURE);
    }

    @BuildStep
    void offer(LangChain4jEagleBuildTimeConfig config, BuildProducer<ChatModelProviderCandidateBuildItem> candidates) {
        if (config.chatModel().enabled()) {
            candidates.produce(new ChatModelProviderCandidateBuildItem(PROVIDER));
        }
    }

    @BuildStep
    void requestModels(List<SelectedChatModelProviderBuildItem> selected, LangChain4jEagleFixedRuntimeConfig config,
            BuildProducer<RequestedEagleModelBuildItem> models) {
        for (SelectedChatModelProviderBuildItem chatModel : selected) {
            if (PROVIDER.equals(chatModel.getProvider())) {
                models.produce(new RequestedEagleModelBuildItem(config.modelBehind(chatModel.getConfigName())));
            }
        }
    }

    @BuildStep
    @Record(ExecutionTime.RUNTIME_INIT)
    void chatModels(List<SelectedChatModelProviderBuildItem> selected, LangChain4jEagleFixedRuntimeConfig config,
            EagleChatModelRecorder recorder, BuildProducer<SyntheticBeanBuildItem> beans) {
        for (SelectedChatModelProviderBuildItem chatModel : selected) {
            if (PROVIDER.equals(chatModel.getProvider())) {
                String name = chatModel.getConfigName();
                String model = config.modelBehind(name);
                beans.produce(bean(CHAT_MODEL, name, model).createWith(recorder.chatModel(name, model)).done());
                beans.produce(bean(STREAMING_CHAT_MODEL, name, model)
                        .createWith(recorder.streamingChatModel(name, model)).done());
            }
        }
    }

    private static SyntheticBeanBuildItem.ExtendedBeanConfigurator bean(DotName type, String name, String model) {
        SyntheticBeanBuildItem.ExtendedBeanConfigurator bean = SyntheticBeanBuildItem.configure(type)
                .setRuntimeInit()
                .defaultBean()
                .scope(ApplicationScoped.class)
                .addInjectionPoint(ClassType.create(EagleModel.class), qualifier(model))
                .addInjectionPoint(instance(ClassType.create(DotNames.CHAT_MODEL_LISTENER)))
                .addInjectionPoint(instance(ParameterizedType.create(DotNames.MODEL_BUILDER_CUSTOMIZER,
                        ClassType.create(EagleChatModelBuilder.class))), ANY);
        if (!NamedConfigUtil.isDefault(name)) {
            bean.addQualifier(AnnotationInstance.builder(ModelName.class).add("value", name).build());
        }
        return bean;
    }

    private static AnnotationInstance qualifier(String model) {
        return EagleConfig.DEFAULT_MODEL.equals(model) ? AnnotationInstance.builder(Default.class).build()
                : AnnotationInstance.builder(Eagle.class).add("value", model).build();
    }

    private static Type instance(Type of) {
        return ParameterizedType.create(DotNames.CDI_INSTANCE, of);
    }
}
