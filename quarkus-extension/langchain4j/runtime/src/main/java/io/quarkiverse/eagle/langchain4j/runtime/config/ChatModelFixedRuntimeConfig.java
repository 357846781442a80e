package io.quarkiverse.eagle.langchain4j.runtime.config;

import java.util.Optional;

import io.quarkus.runtime.annotations.ConfigDocDefault;
import io.quarkus.runtime.annotations.ConfigGroup;

/** Which model answers. */
@ConfigGroup
public interface ChatModelFixedRuntimeConfig {

    /**
     * The model that answers, by the name it is configured under: {@code coder} is {@code quarkus.eagle."coder".*}. Several
     * chat models may share one, each with its own settings. {@code <default>} is the model without a name.
     */
    @ConfigDocDefault("the name of the chat model")
    Optional<String> modelName();
}
