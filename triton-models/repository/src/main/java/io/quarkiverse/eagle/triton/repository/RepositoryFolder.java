package io.quarkiverse.eagle.triton.repository;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.UUID;
import java.util.stream.Stream;

/** The folder of a repository, which appears under its name only when it is complete. */
final class RepositoryFolder {

    /** Writes what a repository holds into a folder. */
    interface Content {
        void writeTo(Path folder) throws IOException;
    }

    private RepositoryFolder() {
    }

    /** @param out must not exist, or be empty */
    static void write(Path out, Content content) {
        Path target = out.toAbsolutePath();
        Path work = target.resolveSibling(target.getFileName() + ".part-" + UUID.randomUUID());
        try {
            if (Files.exists(target) && (!Files.isDirectory(target) || !isEmpty(target))) {
                throw new RepositoryException(out + " exists already; remove it or choose another folder");
            }
            Files.createDirectories(work);
            content.writeTo(work);
            Files.deleteIfExists(target);
            Files.move(work, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new RepositoryException("writing " + out + " failed: " + e.getMessage(), e);
        } finally {
            delete(work);
        }
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    private static void delete(Path work) {
        if (!Files.exists(work)) {
            return;
        }
        try (Stream<Path> files = Files.walk(work)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot remove " + work + ": " + e.getMessage(), e);
        }
    }
}
