package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** The shipped model's graphs for GPUs through NVIDIA's compiler; two layers of it keep that quick. */
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
        TensorRtCheck.required().compileAll(build(precision, update));
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
}
