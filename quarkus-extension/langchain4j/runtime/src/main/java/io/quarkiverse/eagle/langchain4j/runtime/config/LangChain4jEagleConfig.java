package io.quarkiverse.eagle.langchain4j.runtime.config;

import static io.quarkus.runtime.annotations.ConfigPhase.RUN_TIME;

import java.util.Map;

import io.quarkiverse.langchain4j.runtime.NamedConfigUtil;
import io.quarkus.runtime.annotations.ConfigDocMapKey;
import io.quarkus.runtime.annotations.ConfigDocSection;
import io.quarkus.runtime.annotations.ConfigGroup;
import io.quarkus.runtime.annotations.ConfigRoot;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithDefaults;
import io.smallrye.config.WithParentName;

/** What can be set when the application starts. */
@ConfigRoot(phase = RUN_TIME)
@ConfigMapping(prefix = "quarkus.langchain4j.eagle")
public interface LangChain4jEagleConfig {

    /** The default chat model. */
    @WithParentName
    EagleConfigs defaultConfig();

    /** Named chat models. */
    @ConfigDocSection
    @ConfigDocMapKey("model-name")
    @WithParentName
    @WithDefaults
    Map<String, EagleConfigs> namedConfig();

    /** The configuration of a chat model. */
    default EagleConfigs of(String configName) {
        return NamedConfigUtil.isDefault(configName) ? defaultConfig() : namedConfig().get(configName);
    }

    @ConfigGroup
    interface EagleConfigs {

        /** How it answers. */
        ChatModelConfig chatModel();

        /** Whether it is there; requests to a disabled one fail. */
        @WithDefault("true")
        boolean enableIntegration();
    }
}
