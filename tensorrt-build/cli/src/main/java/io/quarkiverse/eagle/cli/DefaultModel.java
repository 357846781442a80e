package io.quarkiverse.eagle.cli;

import java.nio.file.Files;
import java.nio.file.Path;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.DefaultBundle;

/** The bundle of a command that names none. */
final class DefaultModel {

    private DefaultModel() {
    }

    /** Where it lies, null when it is not built yet. */
    static Path folder() {
        Path folder = DefaultBundle.path(DefaultBundle.cacheFolder());
        return Files.exists(folder.resolve(BundleManifest.FILE)) ? folder : null;
    }

    /** Builds it unless it is there. */
    static Path ensure(Terminal terminal) {
        Path built = folder();
        if (built != null) {
            return built;
        }
        try (LongWork work = new LongWork(terminal)) {
            return DefaultBundle.ensure(DefaultBundle.cacheFolder(), work);
        }
    }
}
