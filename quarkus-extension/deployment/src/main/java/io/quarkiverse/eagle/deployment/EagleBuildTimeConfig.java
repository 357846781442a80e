package io.quarkiverse.eagle.deployment;

import io.quarkus.runtime.annotations.ConfigGroup;
import io.quarkus.runtime.annotations.ConfigPhase;
import io.quarkus.runtime.annotations.ConfigRoot;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What is fixed when the application is built. */
@ConfigMapping(prefix = "quarkus.eagle")
@ConfigRoot(phase = ConfigPhase.BUILD_TIME)
public interface EagleBuildTimeConfig {

    /** The default bundle. */
    DevServicesConfig devservices();

    /** The readiness check. */
    HealthBuildTimeConfig health();

    /** Metrics. */
    MetricsBuildTimeConfig metrics();

    @ConfigGroup
    interface DevServicesConfig {

        /**
         * Whether dev and test mode build the default bundle for models that set none. It is built once from
         * SmolLM2-135M-Instruct and the draft head that the project ships, and kept in the user's cache folder.
         */
        @WithDefault("true")
        boolean enabled();
    }

    @ConfigGroup
    interface HealthBuildTimeConfig {

        /** Whether readiness depends on the models, in applications that have the SmallRye Health extension. */
        @WithDefault("true")
        boolean enabled();
    }

    @ConfigGroup
    interface MetricsBuildTimeConfig {

        /** Whether models are metered, in applications that have the Micrometer extension. */
        @WithDefault("true")
        boolean enabled();
    }
}
