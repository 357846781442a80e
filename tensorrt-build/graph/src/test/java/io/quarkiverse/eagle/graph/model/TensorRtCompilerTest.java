package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.checkpoint.SmolLm2;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * Graphs for GPUs through NVIDIA's own importer and compiler, which need no GPU to make a plan. The checking tool lies in the
 * folder that {@code EAGLE_TRT_CHECK} names, or in {@code tools/trt-compile-check} of the shared folder; it may download the
 * compiler on its first run. Two layers of the shipped model's dimensions keep it quick.
 */
@Tag("network")
@Tag("shared-folder")
class TensorRtCompilerTest {

    private static final int SLOTS = 4;
    private static final int MAX_LENGTH = 512;

    @TempDir
    static Path checkpoints;

    @TempDir
    Path folder;

    @BeforeAll
    static void generate() throws IOException {
        GeneratedCheckpoints.write(checkpoints.resolve("model"), shipped(2), "F16", 3);
        Files.writeString(checkpoints.resolve("model/tokenizer.json"), "{}");
        GeneratedCheckpoints.writeHead(checkpoints.resolve("head"), shipped(1), false, "F16", 4);
    }

    @ParameterizedTest
    @CsvSource({ "FP16, IN_PLACE", "FP16, FUNCTIONAL", "BF16, IN_PLACE", "BF16, FUNCTIONAL" })
    void targetAndDraftBecomePlans(Precision precision, KvUpdate update) throws IOException, InterruptedException {
        Path tool = tool();
        Bundle bundle = build(precision, update);
        compile(tool, bundle, bundle.manifest().targetGraph());
        compile(tool, bundle, bundle.manifest().draftGraph());
    }

    @Test
    void aDraftForAGpuBringsItsOwnEmbeddingTable() throws IOException {
        Bundle bundle = build(Precision.FP16, KvUpdate.IN_PLACE);
        BundleManifest.Graph draft = bundle.manifest().draftGraph();
        assertThat(draft.shared()).isEmpty();
        assertThat(draft.signed()).isEmpty();
        assertThat(Files.size(bundle.file("draft/weights.bin")))
                .isGreaterThan(2L * bundle.manifest().model().vocabulary() * bundle.manifest().model().hidden());
    }

    private static Path tool() {
        String configured = System.getenv("EAGLE_TRT_CHECK");
        Path tool = configured != null ? Path.of(configured).resolve("run") : SmolLm2.shared("tools/trt-compile-check/run");
        assumeTrue(Files.isExecutable(tool), () -> tool + " is absent; EAGLE_TRT_CHECK may name its folder");
        return tool;
    }

    private Bundle build(Precision precision, KvUpdate update) throws IOException {
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(checkpoints.resolve("model"));
                EagleHead head = EagleHead.open(checkpoints.resolve("head"))) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.TENSORRT, precision, update, SLOTS, MAX_LENGTH, 0),
                    ProgressListener.NONE).build(source, head, List.of(), out);
        }
        return Bundle.open(out);
    }

    /** The shipped model's dimensions, but for its layers. */
    private static ModelConfig shipped(int layers) {
        return new ModelConfig("llama", 49152, 576, 1536, layers, 9, 3, 64, 1e-5, 100000, new RopeScaling.None(), true, false,
                8192, 1, List.of(2));
    }

    private void compile(Path tool, Bundle bundle, BundleManifest.Graph graph) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(tool.toString(), bundle.file(graph.file()).toString(), "-"));
        command.addAll(profile(graph));
        Path log = folder.resolve("compiler.log");
        int status = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
        assertThat(status).as(graph.file() + ": " + Files.readString(log, StandardCharsets.UTF_8)).isZero();
        assertThat(log).content().contains("plan of");
    }

    /** The smallest, the usual and the largest shape of every input. */
    private static List<String> profile(BundleManifest.Graph graph) {
        boolean target = graph.kind().equals("target");
        int poolRows = MAX_LENGTH + 2 * graph.maxRows();
        List<String> shapes = new ArrayList<>();
        shapes.add(shape("input_ids", "1x1", "1x16", SLOTS + "x128"));
        shapes.add(shape("position_ids", "1x1", "1x16", SLOTS + "x128"));
        shapes.add(shape("window_start", "1", "1", SLOTS + ""));
        shapes.add(shape("output_rows", "1x1", "1x16", SLOTS + "x128"));
        if (target) {
            shapes.add(shape("window_mask", "1x1x1", "1x16x20", SLOTS + "x128x256"));
            shapes.add(shape("keep_rows", "1x0", "1x4", SLOTS + "x128"));
        } else {
            shapes.add(shape("window_mask", "1x1x1", "1x16x20", SLOTS + "x128x128"));
            shapes.add(shape("write_offset", "1", "1", SLOTS + ""));
            String width = "x" + graph.featureSize();
            shapes.add(shape("features", "1x1" + width, "1x16" + width, SLOTS + "x128" + width));
        }
        for (int layer = 0; layer < graph.layers(); layer++) {
            for (String half : List.of("past_k_", "past_v_")) {
                String rest = "x" + graph.kvHeads() + "x" + poolRows + "x" + graph.headDim();
                shapes.add(shape(half + layer, "1" + rest, "1" + rest, SLOTS + rest));
            }
        }
        return shapes;
    }

    private static String shape(String input, String least, String usual, String most) {
        return String.join(":", input, least, usual, most);
    }
}
