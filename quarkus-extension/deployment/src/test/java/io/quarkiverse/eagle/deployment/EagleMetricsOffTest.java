package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.micrometer.core.instrument.MeterRegistry;
import io.opentelemetry.api.trace.Tracer;
import io.quarkiverse.eagle.runtime.tracing.ModelTracing;
import io.quarkus.arc.Arc;
import io.quarkus.test.QuarkusUnitTest;

class EagleMetricsOffTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.metrics.enabled", "false")
            .overrideConfigKey("quarkus.eagle.tracing.enabled", "false")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    @Inject
    MeterRegistry registry;

    @Test
    void modelsAreNotMetered() {
        assertThat(registry.getMeters()).isNotEmpty()
                .noneMatch(meter -> meter.getId().getName().startsWith("eagle."));
    }

    @Test
    void modelsAreNotTraced() {
        assertThat(Arc.container().instance(Tracer.class).isAvailable()).isTrue();
        assertThat(Arc.container().instance(ModelTracing.class).isAvailable()).isFalse();
    }
}
