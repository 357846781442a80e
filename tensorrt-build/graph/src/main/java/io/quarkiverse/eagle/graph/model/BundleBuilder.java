package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.checkpoint.FeatureHeads;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * Builds an engine bundle: target graph, draft graph, tokenizer, manifest. The bundle appears under its name only when it is
 * complete.
 */
public final class BundleBuilder {

    /** What the folder of a bundle that is being built has behind the bundle's name. */
    public static final String WORK_SUFFIX = ".part-";

    private final GraphOptions options;
    private final ProgressListener progress;

    public BundleBuilder(GraphOptions options, ProgressListener progress) {
        this.options = options;
        this.progress = progress;
    }

    /**
     * Builds a bundle.
     *
     * @param head null for a bundle without a draft
     * @param acceptance measured mean tokens per cycle of the head by node budget, may be empty
     * @param out must not exist, or be empty
     */
    public void build(ModelSource model, DraftHead head, List<BundleManifest.Acceptance> acceptance, Path out) {
        build(model, head, List.of(), acceptance, out);
    }

    /**
     * Builds a bundle with several heads.
     *
     * @param head null for a bundle without an EAGLE head
     * @param further Medusa and Hydra heads, one of a kind
     * @param acceptance measured mean tokens per cycle of the EAGLE head by node budget, may be empty
     * @param out must not exist, or be empty
     */
    public void build(ModelSource model, DraftHead head, List<FeatureHeads> further,
            List<BundleManifest.Acceptance> acceptance, Path out) {
        Path work = null;
        try {
            if (Files.exists(out) && (!Files.isDirectory(out) || !isEmpty(out))) {
                throw new IllegalArgumentException(out + " exists already; remove it or choose another folder");
            }
            Path parent = out.toAbsolutePath().getParent();
            Files.createDirectories(parent);
            work = createWorkFolder(parent, out.getFileName() + WORK_SUFFIX);
            write(model, head, further, acceptance, work);
            Files.deleteIfExists(out);
            Files.move(work, out, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException("building " + out + " failed: " + e.getMessage(), e);
        } finally {
            delete(work);
        }
    }

    /** Not a temporary directory: those are for their owner alone, and others serve bundles too. */
    private static Path createWorkFolder(Path parent, String prefix) throws IOException {
        return Files.createDirectory(parent.resolve(prefix + UUID.randomUUID()));
    }

    private void write(ModelSource model, DraftHead head, List<FeatureHeads> further,
            List<BundleManifest.Acceptance> acceptance, Path folder) throws IOException {
        ModelConfig config = model.config();
        if (options.maxLength() > config.maxPositions()) {
            throw new IllegalArgumentException("max length is " + options.maxLength() + ", but " + model.name()
                    + " was made for " + config.maxPositions() + " positions; use --max-length " + config.maxPositions()
                    + " or less");
        }
        options.precision().check(model.checkpoint());
        Files.createDirectories(folder.resolve("target"));
        EagleHeadGraph draft = null;
        if (head instanceof Eagle3Head && !further.isEmpty()) {
            throw new CheckpointException(head.source() + " is an EAGLE-3 head, for which the target's features are made of"
                    + " three layers, but " + further.get(0).source() + " has " + further.get(0).kind().text()
                    + " heads, which read the last one; build a bundle for each");
        }
        if (head != null) {
            Files.createDirectories(folder.resolve("draft"));
            draft = new EagleHeadGraph(config, model.checkpoint(), head, options);
        }
        List<FeatureHeadsGraph> graphs = new ArrayList<>();
        for (FeatureHeads heads : further) {
            Files.createDirectory(folder.resolve(heads.kind().text()));
            graphs.add(new FeatureHeadsGraph(config, model.checkpoint(), heads,
                    head == null ? new int[0] : head.tokensByFrequency(), options));
        }
        progress.begin("Building " + model.name(), weightBytes(config));
        try {
            TargetGraph.Written target = new TargetGraph(config, model.checkpoint(), options,
                    head instanceof Eagle3Head eagle3 ? FeatureFusion.of(eagle3, config.layers()) : null)
                    .write(folder, progress);
            BundleManifest.Graph draftEntry = draft == null ? null : draft.write(folder, target.embedding(), progress);
            List<BundleManifest.Graph> headEntries = new ArrayList<>();
            for (FeatureHeadsGraph graph : graphs) {
                headEntries.add(graph.write(folder, target.embedding(), progress));
            }
            String knownAnswer = null;
            if (options.precision() == Precision.INT8) {
                KnownAnswerGraph.write(folder);
                knownAnswer = KnownAnswerGraph.FILE;
            }
            model.writeTokenizer(folder);
            Bundle.write(folder, new BundleManifest(BundleManifest.FORMAT_VERSION, model.name(),
                    origin(model.checkpoint().source()),
                    head == null ? null : origin(head.source()), options.runtime().text(), options.precision().text(),
                    options.update().text(), options.maxLength(), options.slots(), config.bosId(), config.eosIds(),
                    new BundleManifest.Model(config.family(), config.vocabulary(), config.hidden(), config.intermediate(),
                            config.layers(), config.heads(), config.kvHeads(), config.headDim(), config.normEpsilon(),
                            config.ropeTheta(), config.tiedEmbeddings()),
                    target.entry(), draftEntry, headEntries, knownAnswer, acceptance, Bundle.describe(folder, files(folder)),
                    null, null));
        } finally {
            progress.end();
        }
    }

    /** The end of a source's path: the same wherever a bundle is built, so that equal bundles have equal checksums. */
    private static String origin(String source) {
        Path path = Path.of(source);
        return path.subpath(Math.max(0, path.getNameCount() - 2), path.getNameCount()).toString().replace('\\', '/');
    }

    /** Roughly what will be written, for the progress bar. */
    private long weightBytes(ModelConfig config) {
        long hidden = config.hidden();
        long layer = hidden * config.headDim() * (2L * config.heads() + 2L * config.kvHeads())
                + 3L * hidden * config.intermediate();
        long bytes = options.precision().activations().bytes();
        long table = config.vocabulary() * hidden;
        long tables = options.precision() == Precision.INT8 ? table * 3 : table * bytes * (config.tiedEmbeddings() ? 1 : 2);
        return config.layers() * layer * options.precision().weightBits() / 8 + tables;
    }

    private static List<String> files(Path folder) throws IOException {
        List<String> files = new ArrayList<>();
        try (Stream<Path> all = Files.walk(folder)) {
            all.filter(Files::isRegularFile).map(file -> folder.relativize(file).toString().replace('\\', '/')).sorted()
                    .forEach(files::add);
        }
        return files;
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    /** Deletes a folder and what is in it; null or what is not there is nothing to do. */
    public static void delete(Path work) {
        if (work == null || !Files.exists(work)) {
            return;
        }
        try {
            Files.walkFileTree(work, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path folder, IOException failure) throws IOException {
                    Files.delete(folder);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException("cannot remove " + work + ": " + e.getMessage(), e);
        }
    }
}
