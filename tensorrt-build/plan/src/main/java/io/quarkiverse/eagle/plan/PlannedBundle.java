package io.quarkiverse.eagle.plan;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.TensorRtPlans;

/**
 * A bundle together with the plans of its graphs. Each plan lies beside its graph, where the engine host looks for it, with the
 * engine inspector's report; files of the source are linked, or copied where the file system cannot.
 */
public final class PlannedBundle {

    private final Bundle source;
    private final PlanOptions options;

    /** Ada, the first GPUs that multiply 8-bit floating-point numbers. */
    private static final double FP8_CAPABILITY = 8.9;

    /**
     * @throws PlanException when the bundle's graphs are not made for TensorRT, or not for all GPUs that the plans are to run
     *         on
     */
    public PlannedBundle(Bundle source, PlanOptions options) {
        BundleManifest manifest = source.manifest();
        if (!manifest.target().equals("tensorrt")) {
            throw new PlanException(source.folder() + " is made for " + manifest.target() + " in " + manifest.precision()
                    + "; TensorRT needs one built with: eagle build --for tensorrt --precision fp16 …");
        }
        if (hasFloat8(manifest) && options.hardware() == PlanOptions.Hardware.AMPERE_PLUS) {
            throw new PlanException(
                    source.folder() + " is made in " + manifest.precision() + ", which GPUs before Ada and Hopper"
                            + " cannot multiply; use --hardware same-gpu or same-compute-capability");
        }
        this.source = source;
        this.options = options;
    }

    private static boolean hasFloat8(BundleManifest manifest) {
        return manifest.precision().startsWith("fp8");
    }

    private void requireArithmetic(PlanCompiler.Machine machine) {
        String precision = source.manifest().precision();
        if (hasFloat8(source.manifest()) && Double.parseDouble(machine.computeCapability()) < FP8_CAPABILITY) {
            throw new PlanException(source.folder() + " is made in " + precision + ", but " + machine.gpu()
                    + " (compute capability " + machine.computeCapability() + ") cannot multiply 8-bit floating-point numbers,"
                    + " for which " + FP8_CAPABILITY
                    + " is needed; build the bundle from an int4 checkpoint, or with --precision "
                    + precision.substring(precision.indexOf('-') + 1));
        }
    }

    /** The graphs to compile: the target, and the draft when there is one. */
    public List<BundleManifest.Graph> graphs() {
        BundleManifest manifest = source.manifest();
        return manifest.draftGraph() == null ? List.of(manifest.targetGraph())
                : List.of(manifest.targetGraph(), manifest.draftGraph());
    }

    /** The optimisation profiles of a graph's plan. */
    public List<TensorRtPlans.Profile> profiles(BundleManifest.Graph graph) {
        return new StepProfiles(source.manifest(), graph).of(options.profiles());
    }

    /**
     * Builds all plans; nothing is left at {@code out} when one fails.
     *
     * @param out a folder that does not exist yet
     * @param begun hears the file of each plan before it is built, which takes minutes
     */
    public void write(Path out, PlanCompiler compiler, Consumer<String> begun) {
        if (Files.exists(out)) {
            throw new PlanException(out + " exists already; remove it or choose another folder");
        }
        requireArithmetic(compiler.machine());
        Path whole = out.toAbsolutePath();
        Path work = whole.resolveSibling("." + whole.getFileName() + "-" + UUID.randomUUID());
        try {
            Files.createDirectories(work);
            fill(work, compiler, begun);
            Files.move(work, whole);
        } catch (IOException e) {
            throw new UncheckedIOException("writing " + out + " failed: " + e.getMessage(), e);
        } finally {
            remove(work);
        }
    }

    private void fill(Path folder, PlanCompiler compiler, Consumer<String> begun) throws IOException {
        List<BundleManifest.FileEntry> files = new ArrayList<>();
        for (BundleManifest.FileEntry entry : source.manifest().files()) {
            if (!isPlan(entry.path())) {
                link(source.file(entry.path()).toRealPath(), folder.resolve(entry.path()));
                files.add(entry);
            }
        }
        List<TensorRtPlans.Engine> engines = new ArrayList<>();
        for (BundleManifest.Graph graph : graphs()) {
            String plan = planFile(graph);
            begun.accept(plan);
            List<TensorRtPlans.Profile> profiles = profiles(graph);
            String layers = compiler.compile(folder.resolve(graph.file()), folder.resolve(plan), profiles, options);
            String report = plan + ".json";
            Files.writeString(folder.resolve(report), layers);
            files.addAll(Bundle.describe(folder, List.of(plan, report)));
            engines.add(new TensorRtPlans.Engine(graph.kind(), plan, profiles));
        }
        PlanCompiler.Machine machine = compiler.machine();
        Bundle.write(folder, source.manifest().withPlans(new TensorRtPlans(machine.tensorrt(), machine.gpu(),
                machine.computeCapability(), options.versionCompatible(), options.hardware().text(), engines), files));
    }

    /** Plans of a bundle that has some already are built anew. */
    private static boolean isPlan(String path) {
        return path.endsWith(".plan") || path.endsWith(".plan.json");
    }

    /** Where the engine host looks: beside the graph. */
    private static String planFile(BundleManifest.Graph graph) {
        return graph.file().substring(0, graph.file().lastIndexOf('.')) + ".plan";
    }

    private static void link(Path from, Path to) throws IOException {
        Files.createDirectories(to.getParent());
        try {
            Files.createLink(to, from);
        } catch (FileSystemException | UnsupportedOperationException e) {
            Files.copy(from, to);
        }
    }

    private static void remove(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(folder + " cannot be removed: " + e.getMessage(), e);
        }
    }
}
