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

    /** What dev and test mode bring along. */
    DevServicesConfig devservices();

    /** The readiness check. */
    HealthBuildTimeConfig health();

    /** Metrics. */
    MetricsBuildTimeConfig metrics();

    /** Tracing. */
    TracingBuildTimeConfig tracing();

    @ConfigGroup
    interface DevServicesConfig {

        /**
         * Whether dev and test mode build the default bundle for models that set none. It is built once from
         * SmolLM2-135M-Instruct and the draft head that the project ships, and kept in the user's cache folder.
         */
        @WithDefault("true")
        boolean enabled();

        /** A Triton server for models with {@code engine=triton} that name no endpoints. */
        TritonDevServicesConfig triton();
    }

    /** What serves models with {@code engine=triton} in dev and test mode. */
    enum TritonServerKind {
        /**
         * A container where Docker and an NVIDIA GPU are there and the bundle is made for GPUs; else a server on this machine;
         * else engines in the process. The log says which, and why.
         */
        AUTO,
        /** A container with all GPUs. */
        CONTAINER,
        /** A server process, installed once from its Python package into the user's cache folder; runs on the CPU. */
        LOCAL,
        /** Engines in the application's process, as with {@code engine=onnxruntime}. */
        EMBEDDED
    }

    @ConfigGroup
    interface TritonDevServicesConfig {

        /** Whether a server is started. */
        @WithDefault("true")
        boolean enabled();

        /** What kind of server. */
        @WithDefault("auto")
        TritonServerKind server();

        /** The container's image: a Triton server with its Python backend. */
        @WithDefault("nvcr.io/nvidia/tritonserver:25.10-py3")
        String imageName();
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

    @ConfigGroup
    interface TracingBuildTimeConfig {

        /** Whether generations are traced, in applications that have the OpenTelemetry extension. */
        @WithDefault("true")
        boolean enabled();
    }
}
