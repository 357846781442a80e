package io.quarkiverse.eagle.bundle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bundle that is opened several times, and files that change between. */
class VerifiedFilesTest {

    private static final String WEIGHTS = "model.onnx";
    private static final Duration SETTLED = Duration.ofMillis(100);

    @TempDir
    Path root;
    private Path folder;
    private Path memory;

    @BeforeEach
    void aBundleThatWasVerifiedAndRemembered() throws IOException {
        folder = Files.createDirectory(root.resolve("bundle"));
        memory = root.resolve("memory");
        assumeThat(Files.getFileStore(folder).supportsFileAttributeView("unix")).isTrue();
        List<String> files = List.of(BundleManifest.TOKENIZER, WEIGHTS);
        for (String file : files) {
            Files.writeString(folder.resolve(file), "what is in " + file);
        }
        BundleManifest.Graph target = new BundleManifest.Graph("target", WEIGHTS, null, 1, 1, 4, "float32", 8, 8, 100, 16,
                null, null);
        Bundle.write(folder, new BundleManifest(BundleManifest.FORMAT_VERSION, "Tiny", "made up", "made up", "onnxruntime",
                "fp32", "in-place", 64, 1, -1, List.of(),
                new BundleManifest.Model("llama", 100, 8, 4, 1, 1, 1, 4, 1e-5, 1e4, true), target, null, List.of(), null,
                List.of(), Bundle.describe(folder, files), null, null));
        // Files that were written a moment ago are not remembered.
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
            open();
            return remembered().size() == files.size();
        });
    }

    private void open() {
        Bundle.open(folder, new VerifiedFiles(memory, SETTLED));
    }

    private List<String> remembered() throws IOException {
        if (!Files.exists(memory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(memory)) {
            Path file = files.findFirst().orElse(null);
            return file == null ? List.of() : Files.readAllLines(file);
        }
    }

    private void assertDamageIsFound() {
        assertThatThrownBy(this::open).isInstanceOf(BundleException.class).hasMessageContainingAll(WEIGHTS, "is damaged",
                "SHA-256");
    }

    @Test
    void whatHasNotChangedIsNotReadAgain() throws IOException {
        // A memory that says another content was verified is believed, so the content was not looked at.
        Path file;
        try (Stream<Path> files = Files.list(memory)) {
            file = files.findFirst().orElseThrow();
        }
        BundleManifest manifest = Bundle.open(folder).manifest();
        String right = manifest.files().get(1).sha256();
        String wrong = "0".repeat(right.length());
        Bundle.write(folder, manifest(manifest, wrong));
        assertDamageIsFound();
        Files.writeString(file, Files.readString(file).replace(right, wrong));
        open();
    }

    private static BundleManifest manifest(BundleManifest from, String weights) {
        BundleManifest.FileEntry entry = from.files().get(1);
        return new BundleManifest(from.formatVersion(), from.name(), "made up", "made up", from.target(), from.precision(),
                from.update(), from.maxLength(), from.slots(), -1, List.of(), from.model(), from.targetGraph(), null, List.of(),
                null, List.of(),
                List.of(from.files().get(0), new BundleManifest.FileEntry(entry.path(), entry.size(), weights)), null, null);
    }

    @Test
    void aFileThatWasOverwrittenInPlaceIsNoticedAlsoWithItsOldTime() throws IOException {
        Path file = folder.resolve(WEIGHTS);
        FileTime before = Files.getLastModifiedTime(file);
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.write('X');
        }
        Files.setLastModifiedTime(file, before);
        assertDamageIsFound();
    }

    @Test
    void aFileThatWasExchangedForOneOfTheSameSizeAndTimeIsNoticed() throws IOException {
        Path file = folder.resolve(WEIGHTS);
        Path other = Files.writeString(root.resolve("other"), Files.readString(file).replace('w', 'v'));
        Files.setLastModifiedTime(other, Files.getLastModifiedTime(file));
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
        assertDamageIsFound();
    }

    @Test
    void aFileFromTheFutureIsNotRemembered() throws IOException {
        Files.setLastModifiedTime(folder.resolve(WEIGHTS), FileTime.from(Instant.now().plus(Duration.ofDays(1))));
        open();
        assertThat(remembered()).hasSize(1).allMatch(line -> line.endsWith(BundleManifest.TOKENIZER));
    }

    @Test
    void damageIsNotRememberedAsVerified() throws IOException {
        Files.writeString(folder.resolve(WEIGHTS), Files.readString(folder.resolve(WEIGHTS)).replace('w', 'v'));
        assertDamageIsFound();
        assertDamageIsFound();
    }

    @Test
    void openingWithoutAMemoryReadsEverything() throws IOException {
        Path file = folder.resolve(WEIGHTS);
        Files.writeString(file, Files.readString(file).replace('w', 'v'));
        assertThatThrownBy(() -> Bundle.open(folder)).isInstanceOf(BundleException.class);
    }

    @Test
    void aMemoryThatCannotBeReadOrWrittenOnlyMeansReadingEverything() throws IOException {
        Path blocked = Files.writeString(root.resolve("blocked"), "a file where a folder should be");
        assertThat(Bundle.open(folder, new VerifiedFiles(blocked)).folder()).isEqualTo(folder);
    }
}
