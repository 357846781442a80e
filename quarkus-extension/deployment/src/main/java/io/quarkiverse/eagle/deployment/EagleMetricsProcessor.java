package io.quarkiverse.eagle.deployment;

import java.util.Optional;

import io.quarkus.arc.deployment.AdditionalBeanBuildItem;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.metrics.MetricsCapabilityBuildItem;
import io.quarkus.runtime.metrics.MetricsFactory;

/** Meters the models where the application has the Micrometer extension. */
class EagleMetricsProcessor {

    /** By name, for the class cannot be loaded without Micrometer. */
    private static final String METRICS = "io.quarkiverse.eagle.runtime.metrics.ModelMetrics";

    @BuildStep
    void meter(EagleBuildTimeConfig config, Optional<MetricsCapabilityBuildItem> metrics,
            BuildProducer<AdditionalBeanBuildItem> beans) {
        if (config.metrics().enabled() && metrics.isPresent()
                && metrics.get().metricsSupported(MetricsFactory.MICROMETER)) {
            beans.produce(AdditionalBeanBuildItem.unremovableOf(METRICS));
        }
    }
}
