package io.quarkiverse.eagle.deployment;

import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.smallrye.health.deployment.spi.HealthBuildItem;

/** Lets readiness depend on the models; without the SmallRye Health extension nobody takes the item, and nothing is added. */
class EagleHealthProcessor {

    /** By name, for the class cannot be loaded without SmallRye Health. */
    private static final String CHECK = "io.quarkiverse.eagle.runtime.health.ModelReadinessCheck";

    @BuildStep
    HealthBuildItem readiness(EagleBuildTimeConfig config) {
        return new HealthBuildItem(CHECK, config.health().enabled());
    }
}
