package io.quarkiverse.eagle.runtime;

import java.time.Duration;
import java.util.Map;

import io.quarkus.runtime.annotations.ConfigDocMapKey;
import io.quarkus.runtime.annotations.ConfigDocSection;
import io.quarkus.runtime.annotations.ConfigGroup;
import io.quarkus.runtime.annotations.ConfigPhase;
import io.quarkus.runtime.annotations.ConfigRoot;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithDefaults;
import io.smallrye.config.WithParentName;
import io.smallrye.config.WithUnnamedKey;

/** What can be set when the application starts. */
@ConfigMapping(prefix = EagleConfig.PREFIX)
@ConfigRoot(phase = ConfigPhase.RUN_TIME)
public interface EagleConfig {

    String PREFIX = "quarkus.eagle";

    /** Key of the model that is injected without a qualifier. */
    String DEFAULT_MODEL = "<default>";

    /** The models: the default one without a name, others by the name that {@code @Eagle} gives. */
    @WithParentName
    @WithUnnamedKey(DEFAULT_MODEL)
    @WithDefaults
    @ConfigDocSection
    @ConfigDocMapKey("model-name")
    Map<String, ModelConfig> models();

    /** The readiness check. */
    HealthConfig health();

    /** Spans of generations, in applications that have the OpenTelemetry extension. */
    TracingConfig tracing();

    /** A model's property by its full name, as an error message should give it. */
    static String property(String model, String name) {
        return DEFAULT_MODEL.equals(model) ? PREFIX + "." + name : PREFIX + ".\"" + model + "\"." + name;
    }

    @ConfigGroup
    interface HealthConfig {

        /**
         * How long a step may take before the model counts as not ready. The step waits for a free slot like any other
         * request, so this is also how long all slots may be held up by consumers that do not read.
         */
        @WithDefault("10s")
        Duration timeout();

        /**
         * How long an answer stays good. Probes within this time get the last answer, and a model that has just produced a
         * token for somebody is ready without being asked, so that probes do not take steps from requests.
         */
        @WithDefault("10s")
        Duration validFor();
    }

    @ConfigGroup
    interface TracingConfig {

        /**
         * How many cycles of a generation become events of its span, from the first one on; 0 for none. The span's attributes
         * count all cycles.
         */
        @WithDefault("16")
        int cycleEvents();

        /**
         * Whether spans carry prompt and answer, of chats and of raw text. These may be private, and long: whoever sees the
         * traces can read them.
         */
        @WithDefault("false")
        boolean includeContent();
    }
}
