package io.quarkiverse.eagle.langchain4j.runtime.config;

import static io.quarkus.runtime.annotations.ConfigPhase.BUILD_AND_RUN_TIME_FIXED;

import java.util.Map;

import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.langchain4j.runtime.NamedConfigUtil;
import io.quarkus.runtime.annotations.ConfigDocMapKey;
import io.quarkus.runtime.annotations.ConfigDocSection;
import io.quarkus.runtime.annotations.ConfigGroup;
import io.quarkus.runtime.annotations.ConfigRoot;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefaults;
import io.smallrye.config.WithParentName;

/** What is fixed when the application is built. */
@ConfigRoot(phase = BUILD_AND_RUN_TIME_FIXED)
@ConfigMapping(prefix = "quarkus.langchain4j.eagle")
public interface LangChain4jEagleFixedRuntimeConfig {

    /** The default chat model. */
    @WithParentName
    EagleConfigs defaultConfig();

    /** Named chat models. */
    @ConfigDocSection
    @ConfigDocMapKey("model-name")
    @WithParentName
    @WithDefaults
    Map<String, EagleConfigs> namedConfig();

    /** The name, under {@code quarkus.eagle}, of the model behind a chat model. */
    default String modelBehind(String configName) {
        if (NamedConfigUtil.isDefault(configName)) {
            return defaultConfig().chatModel().modelName().orElse(EagleConfig.DEFAULT_MODEL);
        }
        return namedConfig().get(configName).chatModel().modelName().orElse(configName);
    }

    @ConfigGroup
    interface EagleConfigs {

        /** Which model answers. */
        ChatModelFixedRuntimeConfig chatModel();
    }
}
