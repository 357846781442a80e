package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.QuarkusUnitTest;

class EagleMetricsOffTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.metrics.enabled", "false")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    @Inject
    MeterRegistry registry;

    @Test
    void modelsAreNotMetered() {
        assertThat(registry.getMeters()).isNotEmpty()
                .noneMatch(meter -> meter.getId().getName().startsWith("eagle."));
    }
}
