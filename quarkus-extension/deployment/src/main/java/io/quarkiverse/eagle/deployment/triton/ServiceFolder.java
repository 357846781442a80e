package io.quarkiverse.eagle.deployment.triton;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a server's repository and log lie while it runs.
 *
 * @param path a folder of its own
 */
record ServiceFolder(Path path) {

    static ServiceFolder create() {
        try {
            return new ServiceFolder(Files.createTempDirectory("eagle-triton"));
        } catch (IOException e) {
            throw new UncheckedIOException("no folder for a Triton repository can be made: " + e.getMessage(), e);
        }
    }

    Path repository() {
        return path.resolve("repository");
    }
}
