package io.quarkiverse.eagle.architecture;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder above this module that holds all modules. */
final class RepositoryRoot {

    private RepositoryRoot() {
    }

    static Path find() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("quarkus-extension"))) {
            folder = folder.getParent();
        }
        return folder;
    }
}
