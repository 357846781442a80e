package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.SmolLm2;

/**
 * NVIDIA's own importer and compiler, which need no GPU to make a plan. The checking tool lies in the folder that {@code
 * EAGLE_TRT_CHECK} names, or in {@code tools/trt-compile-check} of the shared folder; it may download the compiler on its first
 * run.
 */
record TensorRtCheck(Path tool) {

    /** Skips the test where the tool is absent. */
    static TensorRtCheck required() {
        String configured = System.getenv("EAGLE_TRT_CHECK");
        Path tool = configured != null ? Path.of(configured).resolve("run") : SmolLm2.shared("tools/trt-compile-check/run");
        assumeTrue(Files.isExecutable(tool), () -> tool + " is absent; EAGLE_TRT_CHECK may name its folder");
        return new TensorRtCheck(tool);
    }

    /**
     * Fails unless every graph of the bundle becomes a plan.
     *
     * @return bytes of all plans
     */
    long compileAll(Bundle bundle) throws IOException, InterruptedException {
        long target = compile(bundle, bundle.manifest().targetGraph());
        return bundle.manifest().draftGraph() == null ? target : target + compile(bundle, bundle.manifest().draftGraph());
    }

    private long compile(Bundle bundle, BundleManifest.Graph graph) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(tool.toString(), bundle.file(graph.file()).toString(), "-"));
        command.addAll(profile(bundle.manifest(), graph));
        Path log = bundle.folder().resolveSibling("compiler.log");
        int status = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
        assertThat(status).as(graph.file() + ": " + Files.readString(log, StandardCharsets.UTF_8)).isZero();
        Matcher plan = Pattern.compile("plan of (\\d+) bytes").matcher(Files.readString(log));
        assertThat(plan.find()).as(log.toString()).isTrue();
        return Long.parseLong(plan.group(1));
    }

    /** The smallest, the usual and the largest shape of every input. */
    private static List<String> profile(BundleManifest manifest, BundleManifest.Graph graph) {
        int slots = manifest.slots();
        boolean target = graph.kind().equals("target");
        int poolRows = manifest.maxLength() + 2 * graph.maxRows();
        List<String> shapes = new ArrayList<>();
        shapes.add(shape("input_ids", "1x1", "1x16", slots + "x128"));
        shapes.add(shape("position_ids", "1x1", "1x16", slots + "x128"));
        shapes.add(shape("window_start", "1", "1", slots + ""));
        shapes.add(shape("output_rows", "1x1", "1x16", slots + "x128"));
        if (target) {
            shapes.add(shape("window_mask", "1x1x1", "1x16x20", slots + "x128x256"));
            shapes.add(shape("keep_rows", "1x0", "1x4", slots + "x128"));
        } else {
            shapes.add(shape("window_mask", "1x1x1", "1x16x20", slots + "x128x128"));
            shapes.add(shape("write_offset", "1", "1", slots + ""));
            String width = "x" + graph.featureSize();
            shapes.add(shape("features", "1x1" + width, "1x16" + width, slots + "x128" + width));
        }
        for (int layer = 0; layer < graph.layers(); layer++) {
            for (String half : List.of("past_k_", "past_v_")) {
                String rest = "x" + graph.kvHeads() + "x" + poolRows + "x" + graph.headDim();
                shapes.add(shape(half + layer, "1" + rest, "1" + rest, slots + rest));
            }
        }
        return shapes;
    }

    private static String shape(String input, String least, String usual, String most) {
        return String.join(":", input, least, usual, most);
    }
}
