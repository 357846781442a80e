package io.quarkiverse.eagle.bundle;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

import org.jboss.logging.Logger;

/**
 * Remembers between starts which files had the SHA-256 that their manifest says, so that it need not be computed again. A
 * file is the one that was verified as long as its device, inode, size, and times of modification and of change are what they
 * were; the
 * system sets the last of them itself whenever a file is written or exchanged. What a failing disk does to a file shows in
 * none of them. Where the file system does not tell them, nothing is remembered.
 */
public final class VerifiedFiles {

    private static final Logger LOG = Logger.getLogger(VerifiedFiles.class);
    private static final String ATTRIBUTES = "unix:dev,ino,size,lastModifiedTime,ctime";
    /** A file that was written so shortly ago may be written again within the same tick of its time stamps. */
    private static final Duration SETTLED = Duration.ofSeconds(2);
    private static final int KEY_DIGITS = 24;

    private final Path folder;
    private final Duration settled;

    /** @param folder where to remember, created when needed */
    public VerifiedFiles(Path folder) {
        this(folder, SETTLED);
    }

    /** @param settled how old a file's time stamps have to be for the file to be remembered */
    VerifiedFiles(Path folder, Duration settled) {
        this.folder = folder;
        this.settled = settled;
    }

    /** What is remembered of a bundle. */
    Memory of(Path bundle) {
        Path file = folder.resolve("verified-" + key(bundle) + ".txt");
        Set<String> lines = new HashSet<>();
        try {
            if (Files.exists(file)) {
                lines.addAll(Files.readAllLines(file));
            }
        } catch (IOException e) {
            LOG.debugf("%s cannot be read, so the files are verified anew: %s", file, e.getMessage());
        }
        return new Memory(file, settled, lines);
    }

    private static String key(Path bundle) {
        byte[] name = bundle.toAbsolutePath().normalize().toString().getBytes(StandardCharsets.UTF_8);
        return Bundle.sha256(name).substring(0, KEY_DIGITS);
    }

    /** The files of one bundle. Usable by several threads at once. */
    static final class Memory {

        private final Path file;
        private final Duration settled;
        private final Set<String> before;
        private final Set<String> now = ConcurrentHashMap.newKeySet();

        private Memory(Path file, Duration settled, Set<String> before) {
            this.file = file;
            this.settled = settled;
            this.before = before;
        }

        /** Whether a file is still the one that was verified to have this SHA-256. */
        boolean holds(Path path, String sha256) {
            String line = line(path, sha256);
            if (line == null || !before.contains(line)) {
                return false;
            }
            now.add(line);
            return true;
        }

        /** What identifies a file before it is read; null when it is not to be remembered. */
        String identity(Path path) {
            try {
                Map<String, Object> attributes = Files.readAttributes(path, ATTRIBUTES);
                Instant modified = ((FileTime) attributes.get("lastModifiedTime")).toInstant();
                Instant changed = ((FileTime) attributes.get("ctime")).toInstant();
                Instant latest = Instant.now().minus(settled);
                return modified.isAfter(latest) || changed.isAfter(latest) ? null
                        : attributes.get("dev") + " " + attributes.get("ino") + " " + attributes.get("size") + " " + modified
                                + " " + changed;
            } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
                return null;
            }
        }

        private String line(Path path, String sha256) {
            String identity = identity(path);
            return identity == null ? null : sha256 + " " + identity + " " + path.toAbsolutePath().normalize();
        }

        /**
         * Remembers a file that was just read.
         *
         * @param identity what {@link #identity} said before the file was read
         */
        void verified(Path path, String sha256, String identity) {
            if (identity != null && identity.equals(identity(path))) {
                now.add(line(path, sha256));
            }
        }

        /** Keeps what was verified for the next start, instead of what was before. Fails never: then it is verified again. */
        void keep() {
            if (now.equals(before)) {
                return;
            }
            try {
                Files.createDirectories(file.getParent());
                Path fresh = Files.createTempFile(file.getParent(), "verified-", ".part");
                Files.write(fresh, new TreeSet<>(now));
                Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                LOG.debugf("%s cannot be written, so the next start verifies all files: %s", file, e.getMessage());
            }
        }
    }
}
