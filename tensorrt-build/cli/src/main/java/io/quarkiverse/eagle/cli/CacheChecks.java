package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;

/** Whether the cache can take the default bundle. */
final class CacheChecks {

    private static final double MEBIBYTE = 1 << 20;
    /** The download, and the bundle that is built from it. */
    private static final double LEAST_SPACE = 600;

    private CacheChecks() {
    }

    static void run(Path folder, Consumer<Check> note) {
        note.accept(examine(folder));
    }

    static Check examine(Path folder) {
        Path existing = folder.toAbsolutePath();
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        if (!Files.isDirectory(existing) || !Files.isWritable(existing)) {
            return Check.problem("cache", folder + " cannot be written: see " + existing,
                    "correct its permissions, or name another folder with EAGLE_CACHE");
        }
        try {
            double space = Files.getFileStore(existing).getUsableSpace() / MEBIBYTE;
            String detail = String.format(Locale.ROOT, "%s, %.0f MiB free", folder, space);
            return space >= LEAST_SPACE ? Check.ok("cache", detail)
                    : Check.warning("cache", detail, String.format(Locale.ROOT,
                            "building the default bundle takes about %.0f MiB; make room or set EAGLE_CACHE", LEAST_SPACE));
        } catch (IOException e) {
            return Check.warning("cache", folder + ": its free space is unknown: " + e.getMessage(), "");
        }
    }
}
