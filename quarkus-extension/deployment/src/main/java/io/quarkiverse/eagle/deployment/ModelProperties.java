package io.quarkiverse.eagle.deployment;

import java.util.List;
import java.util.Optional;

import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkus.runtime.configuration.ConfigUtils;

/** Properties of a model that are known when the application is built. */
public final class ModelProperties {

    private ModelProperties() {
    }

    /**
     * A property of a model. A name of one segment may stand without its quotes.
     *
     * @param property its name behind the model's, for example {@code bundle}
     * @return empty when it is not set, or blank
     */
    public static Optional<String> value(String model, String property) {
        return ConfigUtils.getFirstOptionalValue(List.of(EagleConfig.property(model, property),
                EagleConfig.PREFIX + "." + model + "." + property), String.class);
    }
}
