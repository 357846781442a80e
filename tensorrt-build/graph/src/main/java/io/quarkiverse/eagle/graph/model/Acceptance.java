package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

/** What was measured of a head's acceptance, in {@code acceptance.json} beside it: {@code [{"nodes": 7, "tau": 1.5}, …]}. */
public final class Acceptance {

    private static final String FILE = "acceptance.json";

    private Acceptance() {
    }

    /** Reads the file of a head's folder; empty when there is none. */
    public static List<BundleManifest.Acceptance> read(Path headFolder) {
        Path file = headFolder.resolve(FILE);
        if (!Files.exists(file)) {
            return List.of();
        }
        try {
            return new ObjectMapper().readValue(Files.readString(file), new TypeReference<>() {
            });
        } catch (IOException e) {
            throw new CheckpointException(file + " is not a list of {\"nodes\", \"tau\"}: " + e.getMessage(), e);
        }
    }
}
