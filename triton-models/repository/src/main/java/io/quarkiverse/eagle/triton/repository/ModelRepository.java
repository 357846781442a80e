package io.quarkiverse.eagle.triton.repository;

import java.nio.file.Path;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;

/** A Triton model repository that can be written from a bundle. */
public sealed interface ModelRepository permits HostRepository, StockRepository {

    /** The models' names, the target's first. */
    List<String> models();

    /**
     * Writes the repository: the folder appears under its name only when it is complete.
     *
     * @param out must not exist, or be empty
     */
    void write(Path out);

    /** A bundle's name as Triton's models carry it: what is no letter, digit, {@code _} or {@code -} becomes {@code _}. */
    static String modelName(BundleManifest manifest, String role) {
        return manifest.name().replaceAll("[^A-Za-z0-9_-]", "_") + "_" + role;
    }
}
