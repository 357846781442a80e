package io.quarkiverse.eagle.deployment;

import io.quarkus.arc.deployment.AdditionalBeanBuildItem;
import io.quarkus.deployment.Capabilities;
import io.quarkus.deployment.Capability;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;

/** Traces the models where the application has the OpenTelemetry extension. */
class EagleTracingProcessor {

    /** By name, for the class cannot be loaded without OpenTelemetry. */
    private static final String TRACING = "io.quarkiverse.eagle.runtime.tracing.ModelTracing";

    @BuildStep
    void trace(EagleBuildTimeConfig config, Capabilities capabilities, BuildProducer<AdditionalBeanBuildItem> beans) {
        if (config.tracing().enabled() && capabilities.isPresent(Capability.OPENTELEMETRY_TRACER)) {
            beans.produce(AdditionalBeanBuildItem.unremovableOf(TRACING));
        }
    }
}
