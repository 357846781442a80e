package io.quarkiverse.eagle.deployment;

import java.util.Objects;

import io.quarkus.builder.item.MultiBuildItem;

/** Another extension needs a model, whether or not the application injects it. */
public final class RequestedEagleModelBuildItem extends MultiBuildItem {

    private final String name;

    /** @param name the model's name, or {@code EagleConfig.DEFAULT_MODEL} */
    public RequestedEagleModelBuildItem(String name) {
        this.name = Objects.requireNonNull(name, "name");
    }

    public String name() {
        return name;
    }
}
