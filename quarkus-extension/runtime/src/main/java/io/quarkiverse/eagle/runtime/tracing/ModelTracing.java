package io.quarkiverse.eagle.runtime.tracing;

import java.util.Set;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;

/** Traces every model of the application from its start on. */
@Singleton
public class ModelTracing {

    private static final String SCOPE = "io.quarkiverse.eagle";

    void trace(@Observes StartupEvent start, OpenModels models, EagleConfig config, OpenTelemetry openTelemetry) {
        if (config.tracing().cycleEvents() < 0) {
            String property = EagleConfig.PREFIX + ".tracing.cycle-events";
            throw new ConfigurationException(property + " is " + config.tracing().cycleEvents()
                    + "; it must be 0 (none) or positive", Set.of(property));
        }
        Tracer tracer = openTelemetry.getTracer(SCOPE);
        models.all().forEach((name, model) -> model.listen(
                new TracedModel(name, model::name, config.models().get(name), config.tracing(), tracer)));
    }
}
