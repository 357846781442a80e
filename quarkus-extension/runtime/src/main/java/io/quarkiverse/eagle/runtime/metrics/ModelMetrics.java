package io.quarkiverse.eagle.runtime.metrics;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.runtime.StartupEvent;

/** Meters every model of the application from its start on. */
@Singleton
public class ModelMetrics {

    void meter(@Observes StartupEvent start, OpenModels models, MeterRegistry registry) {
        models.all().forEach((name, model) -> {
            ModelMeters meters = new ModelMeters(name, model, registry);
            model.listen((id, request) -> meters);
        });
    }
}
