package io.quarkiverse.eagle.langchain4j.deployment;

import static io.quarkus.runtime.annotations.ConfigPhase.BUILD_TIME;

import io.quarkus.runtime.annotations.ConfigRoot;
import io.smallrye.config.ConfigMapping;

/** What is decided when the application is built. */
@ConfigRoot(phase = BUILD_TIME)
@ConfigMapping(prefix = "quarkus.langchain4j.eagle")
public interface LangChain4jEagleBuildTimeConfig {

    /** Chat models. */
    ChatModelBuildConfig chatModel();
}
