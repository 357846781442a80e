package io.quarkiverse.eagle.langchain4j.deployment;

import io.quarkus.runtime.annotations.ConfigGroup;
import io.smallrye.config.WithDefault;

/** Chat models. */
@ConfigGroup
public interface ChatModelBuildConfig {

    /** Whether the provider offers chat models. */
    @WithDefault("true")
    boolean enabled();
}
