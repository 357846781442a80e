package io.quarkiverse.eagle.bundle;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** An engine bundle on disk. Opening it checks the manifest and every file's size and SHA-256 before anything is used. */
public final class Bundle {

    /** Files that every user of a bundle reads, wherever its engines run. */
    private static final Set<String> TEXT = Set.of(BundleManifest.TOKENIZER, BundleManifest.CHAT_TEMPLATE);

    /** Kinds of heads that read a feature row as the target gives it. */
    private static final Set<String> READ_TARGET_FEATURES = Set.of("eagle", "medusa", "hydra");

    private static final int HASH_CHUNK = 8 << 20;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private final Path folder;
    private final BundleManifest manifest;

    private Bundle(Path folder, BundleManifest manifest) {
        this.folder = folder;
        this.manifest = manifest;
    }

    /**
     * Opens a bundle and verifies all of its files.
     *
     * @throws BundleException when the folder is no bundle, was made by another format, or a file is missing or damaged
     */
    public static Bundle open(Path folder) {
        return open(folder, null);
    }

    /**
     * Opens a bundle and verifies its files, those that were verified before and have not changed since by their size alone.
     *
     * @param verified what was verified before; null for nothing, and to remember nothing
     * @throws BundleException as {@link #open(Path)}
     */
    public static Bundle open(Path folder, VerifiedFiles verified) {
        Bundle bundle = openUnverified(folder);
        VerifiedFiles.Memory memory = verified == null ? null : verified.of(folder);
        bundle.verify(bundle.manifest.files(), memory);
        if (memory != null) {
            memory.keep();
        }
        return bundle;
    }

    private void verify(List<BundleManifest.FileEntry> files, VerifiedFiles.Memory memory) {
        files.parallelStream().map(entry -> damage(entry, memory)).filter(Objects::nonNull).findFirst().ifPresent(damage -> {
            throw new BundleException(damage + " Build the bundle again: eagle build … --out " + folder);
        });
    }

    /**
     * Opens a bundle whose engines run elsewhere: tokenizer and chat template are verified, weights need not be here.
     *
     * @throws BundleException as {@link #open}
     */
    public static Bundle openText(Path folder) {
        Bundle bundle = openUnverified(folder);
        bundle.verify(bundle.manifest.files().stream().filter(entry -> TEXT.contains(entry.path())).toList(), null);
        return bundle;
    }

    /** Opens a bundle whose files were verified before; only the manifest is checked. */
    public static Bundle openUnverified(Path folder) {
        Path file = folder.resolve(BundleManifest.FILE);
        if (!Files.isRegularFile(file)) {
            throw new BundleException(folder + " is no engine bundle: it has no " + BundleManifest.FILE
                    + ". Build one with: eagle build --checkpoint … --out " + folder);
        }
        BundleManifest manifest;
        try {
            manifest = JSON.readValue(Files.readString(file), BundleManifest.class);
        } catch (JsonProcessingException e) {
            throw new BundleException(file + " is damaged: " + e.getOriginalMessage() + ". Build the bundle again.", e);
        } catch (IOException e) {
            throw new BundleException(file + " cannot be read: " + e.getMessage(), e);
        }
        if (manifest.formatVersion() != BundleManifest.FORMAT_VERSION) {
            throw new BundleException(file + " has format version " + manifest.formatVersion() + "; this version reads "
                    + BundleManifest.FORMAT_VERSION + ". Build the bundle again.");
        }
        checkManifest(file, manifest);
        if (!checksum(manifest).equals(manifest.checksum())) {
            throw new BundleException(file + " is damaged: its checksum does not match its fields. Build the bundle again.");
        }
        return new Bundle(folder, manifest);
    }

    private static void checkManifest(Path file, BundleManifest manifest) {
        if (manifest.targetGraph() == null || manifest.targetGraph().file() == null || manifest.model() == null
                || manifest.name() == null || manifest.precision() == null) {
            throw new BundleException(file + " is damaged: it describes no target graph. Build the bundle again.");
        }
        if (manifest.maxLength() < 1 || manifest.slots() < 1) {
            throw new BundleException(file + " is damaged: max_length is " + manifest.maxLength() + " and slots is "
                    + manifest.slots() + "; both must be at least 1. Build the bundle again.");
        }
        for (BundleManifest.FileEntry entry : manifest.files()) {
            if (entry == null || entry.path() == null || entry.sha256() == null) {
                throw new BundleException(
                        file + " is damaged: it lists a file without path or SHA-256. Build the bundle again.");
            }
        }
        requireListed(file, manifest, BundleManifest.TOKENIZER);
        requireListed(file, manifest, manifest.targetGraph().file());
        if (manifest.draftGraph() != null) {
            requireListed(file, manifest, manifest.draftGraph().file());
            requireFits(file, manifest.targetGraph(), manifest.draftGraph());
        }
        for (BundleManifest.Graph head : manifest.heads()) {
            requireListed(file, manifest, head.file());
            requireFits(file, manifest.targetGraph(), head);
        }
        for (BundleManifest.FileEntry entry : manifest.files()) {
            Path relative = Path.of(entry.path());
            if (relative.isAbsolute() || relative.normalize().startsWith("..")) {
                throw new BundleException(file + " names " + entry.path() + ", which lies outside of the bundle.");
            }
        }
    }

    private static void requireListed(Path file, BundleManifest manifest, String path) {
        if (manifest.files().stream().noneMatch(entry -> entry.path().equals(path))) {
            throw new BundleException(file + " does not list " + path + ". Build the bundle again.");
        }
    }

    /** A head of another model would read features of another width, or propose tokens that the target does not have. */
    private static void requireFits(Path file, BundleManifest.Graph target, BundleManifest.Graph head) {
        boolean reads = !READ_TARGET_FEATURES.contains(head.kind()) || head.featureSize() == target.featureSize();
        if (!reads || head.vocabulary() > target.vocabulary()) {
            throw new BundleException(file + " describes a draft head (" + head.kind() + ") for features of "
                    + head.featureSize() + " numbers and " + head.vocabulary() + " tokens, but the target's features have "
                    + target.featureSize() + " numbers and it has " + target.vocabulary()
                    + " tokens: the head is another model's. Build the bundle again with a head that was trained for this"
                    + " target.");
        }
    }

    /** What is wrong with a file, as a sentence; null when nothing is. */
    private String damage(BundleManifest.FileEntry entry, VerifiedFiles.Memory memory) {
        Path file = folder.resolve(entry.path());
        try {
            if (!Files.isRegularFile(file)) {
                return "The bundle " + folder + " lacks " + entry.path() + ".";
            }
            long size = Files.size(file);
            if (size != entry.size()) {
                return file + " is damaged: it has " + size + " bytes, its manifest says " + entry.size() + ".";
            }
            if (memory != null && memory.holds(file, entry.sha256())) {
                return null;
            }
            String identity = memory == null ? null : memory.identity(file);
            String sha256 = sha256(file);
            if (!sha256.equals(entry.sha256())) {
                return file + " is damaged: its SHA-256 is " + sha256 + ", its manifest says " + entry.sha256() + ".";
            }
            if (memory != null) {
                memory.verified(file, sha256, identity);
            }
            return null;
        } catch (IOException e) {
            return file + " cannot be read: " + e.getMessage() + ".";
        }
    }

    /** SHA-256 of a file in lower-case hex. */
    public static String sha256(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            ByteBuffer chunk = ByteBuffer.allocate(HASH_CHUNK);
            while (channel.read(chunk.clear()) >= 0) {
                digest.update(chunk.flip());
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** SHA-256 in lower-case hex. */
    public static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Writes the manifest of a bundle whose other files are complete. */
    public static void write(Path folder, BundleManifest manifest) throws IOException {
        Files.writeString(folder.resolve(BundleManifest.FILE),
                JSON.writeValueAsString(manifest.withChecksum(checksum(manifest))) + "\n");
    }

    private static String checksum(BundleManifest manifest) {
        try {
            return sha256(JSON.writeValueAsBytes(manifest.withChecksum(null)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a manifest is plain data and always becomes JSON", e);
        }
    }

    public Path folder() {
        return folder;
    }

    public BundleManifest manifest() {
        return manifest;
    }

    public Path tokenizer() {
        return folder.resolve(BundleManifest.TOKENIZER);
    }

    /** The chat template, or null when the model has none. */
    public Path chatTemplate() {
        boolean listed = manifest.files().stream().anyMatch(entry -> entry.path().equals(BundleManifest.CHAT_TEMPLATE));
        return listed ? folder.resolve(BundleManifest.CHAT_TEMPLATE) : null;
    }

    public Path file(String path) {
        return folder.resolve(path);
    }

    /** Maps a weight into memory, read-only. The map stays valid until it is garbage. */
    public MappedByteBuffer map(BundleManifest.Weight weight) throws IOException {
        try (FileChannel channel = FileChannel.open(file(weight.file()), StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, weight.offset(), weight.length());
        }
    }

    /** Describes a file for the manifest. */
    public static BundleManifest.FileEntry describe(Path folder, String path) throws IOException {
        Path file = folder.resolve(path);
        return new BundleManifest.FileEntry(path, Files.size(file), sha256(file));
    }

    /** Describes several files for the manifest. */
    public static List<BundleManifest.FileEntry> describe(Path folder, List<String> paths) throws IOException {
        List<BundleManifest.FileEntry> entries = new ArrayList<>();
        for (String path : paths) {
            entries.add(describe(folder, path));
        }
        return entries;
    }
}
