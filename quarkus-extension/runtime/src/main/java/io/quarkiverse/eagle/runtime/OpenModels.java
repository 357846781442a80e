package io.quarkiverse.eagle.runtime;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;

/**
 * The models that the application opened, by name; {@link EagleConfig#DEFAULT_MODEL} is the unnamed one. Which there are never
 * changes; their bundles can be exchanged while they serve.
 */
public final class OpenModels {

    private final Map<String, ServedModel> models;

    OpenModels(Map<String, ServedModel> models) {
        this.models = Collections.unmodifiableMap(new TreeMap<>(models));
    }

    /** All of them, in the order of their names. */
    public Map<String, ServedModel> all() {
        return models;
    }

    /** @throws IllegalArgumentException no model of that name was opened */
    public ServedModel get(String name) {
        ServedModel model = models.get(name);
        if (model == null) {
            throw new IllegalArgumentException("no model \"" + name + "\" is open; there are " + models.keySet());
        }
        return model;
    }

    /**
     * Opens a model's configured folder again, in which, or behind a link of that name, another bundle lies now; see
     * {@link #reload(String, Path)}.
     */
    public Uni<Void> reload(String name) {
        return reloaded(get(name), null);
    }

    /**
     * Exchanges a model's bundle. The new one is opened beside the one in service; requests from then on go to the new one, and
     * earlier ones, running or waiting, have {@code reload-timeout} to come to their end on the old one, which is closed then.
     * The model keeps its configuration in all else.
     *
     * @param name {@link EagleConfig#DEFAULT_MODEL} for the unnamed model
     * @param bundle the new bundle's folder
     * @return opens the bundle on a worker when it is subscribed to, and completes when it is in service. Fails, and the old
     *         bundle serves on, with an {@link io.quarkiverse.eagle.engine.EngineException} when the new one cannot be opened,
     *         and with an {@link IllegalStateException} while another reload of the model is under way or the bundle before
     *         still serves requests
     * @throws IllegalArgumentException no model of that name was opened
     */
    public Uni<Void> reload(String name, Path bundle) {
        return reloaded(get(name), Objects.requireNonNull(bundle, "bundle"));
    }

    private static Uni<Void> reloaded(ServedModel model, Path bundle) {
        return Uni.createFrom().voidItem().emitOn(Infrastructure.getDefaultWorkerPool())
                .invoke(() -> model.reload(bundle));
    }
}
