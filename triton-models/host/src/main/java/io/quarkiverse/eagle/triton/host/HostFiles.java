package io.quarkiverse.eagle.triton.host;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The engine host as it lies in this jar: {@code model.py}, the package beside it, and what they require. */
public final class HostFiles {

    private static final String FOLDER = "/META-INF/eagle/host";
    private static final String REQUIREMENTS = "requirements";

    private HostFiles() {
    }

    /** Copies {@code model.py} and its package into a version's folder, which must exist. */
    public static void copyModel(Path version) throws IOException {
        copy(version, false);
    }

    /** Copies the lists of Python packages that the host needs, for a CPU and for a GPU. */
    public static void copyRequirements(Path folder) throws IOException {
        copy(folder, true);
    }

    private static void copy(Path into, boolean requirements) throws IOException {
        try {
            URI place = HostFiles.class.getResource(FOLDER + "/model.py").toURI();
            if (!place.getScheme().equals("jar")) {
                copy(Path.of(place).getParent(), into, requirements);
                return;
            }
            URI jar = URI.create(place.toString().substring(0, place.toString().indexOf("!/")));
            try (FileSystem files = FileSystems.newFileSystem(Path.of(URI.create(jar.getSchemeSpecificPart())), Map.of())) {
                copy(files.getPath(FOLDER), into, requirements);
            }
        } catch (URISyntaxException e) {
            throw new IllegalStateException("the place of a class is a URI", e);
        }
    }

    private static void copy(Path from, Path into, boolean requirements) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(from)) {
            files = all.filter(Files::isRegularFile)
                    .filter(file -> file.getFileName().toString().startsWith(REQUIREMENTS) == requirements).toList();
        }
        for (Path file : files) {
            Path to = into.resolve(from.relativize(file).toString());
            Files.createDirectories(to.getParent());
            Files.copy(file, to);
        }
    }
}
