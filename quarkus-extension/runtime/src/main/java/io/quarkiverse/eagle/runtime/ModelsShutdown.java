package io.quarkiverse.eagle.runtime;

import java.time.Duration;
import java.util.Map;

import io.quarkus.runtime.shutdown.ShutdownListener;

/**
 * Closes the models when the application is told to stop, while it still talks to its clients: running generations come to
 * their end first. Does not return before, because nothing else makes Quarkus wait.
 */
final class ModelsShutdown implements ShutdownListener {

    private final OpenModels models;
    private final Map<String, Duration> limits;

    /** @param limits by model, how long its running generations may take; models that it does not name are left alone */
    ModelsShutdown(OpenModels models, Map<String, Duration> limits) {
        this.models = models;
        this.limits = limits;
    }

    @Override
    public void shutdown(ShutdownNotification notification) {
        try {
            limits.forEach((name, limit) -> models.all().get(name).drain(limit));
            limits.forEach((name, limit) -> models.all().get(name).close(limit));
        } finally {
            notification.done();
        }
    }
}
