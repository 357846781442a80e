package io.quarkiverse.eagle.runtime;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** The models that the application opened, by name; {@link EagleConfig#DEFAULT_MODEL} is the unnamed one. Immutable. */
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
}
