package io.quarkiverse.eagle.deployment;

import java.util.List;

import io.quarkus.builder.item.SimpleBuildItem;

/** The models of the application. */
public final class EagleModelsBuildItem extends SimpleBuildItem {

    private final List<String> names;

    EagleModelsBuildItem(List<String> names) {
        this.names = List.copyOf(names);
    }

    /** Their names in order; {@code EagleConfig.DEFAULT_MODEL} is the unnamed one. Never empty. */
    public List<String> names() {
        return names;
    }
}
