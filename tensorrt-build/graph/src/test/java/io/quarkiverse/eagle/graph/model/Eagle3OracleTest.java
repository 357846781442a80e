package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/**
 * The draft graph against the EAGLE-3 authors' own implementation (SafeAILab/EAGLE at cb7e084, {@code eagle/model/cnets.py}),
 * which ran over the same small head of random weights, as PyTorch saved it: twelve tokens with fused features, then two levels
 * of two nodes over its own outputs.
 */
class Eagle3OracleTest {

    private static final float TOLERANCE = 1e-4f;

    @TempDir
    Path folder;

    private JsonNode oracle;

    @Test
    void draftsWhatTheAuthorsImplementationDrafts() throws IOException {
        try (InputStream in = getClass().getResourceAsStream("/eagle3/oracle.json")) {
            oracle = new ObjectMapper().readTree(in);
        }
        try (EnginePair engines = OnnxRuntimeEngines.open(build(), new OnnxRuntimeOptions(0, 1, false))) {
            int rows = oracle.get("tokens").size();
            StepRequest request = new StepRequest(engines.draft().shape(), 1, rows, rows);
            request.begin(0, 1, rows, 0, rows, rows);
            for (int t = 0; t < rows; t++) {
                request.row(0, t, oracle.get("tokens").get(t).intValue(), t);
                request.feature(0, t, FloatBuffer.wrap(floats(oracle.get("fused").get(t))), 0);
                for (int seen = 0; seen < t; seen++) {
                    request.see(0, t, seen);
                }
            }
            StepResult before = Steps.await(
                    engines.draft().step(request, new StepResult(engines.draft().shape(), rows, rows)));
            compare("prefix", oracle, before, rows);

            int written = 0;
            for (JsonNode level : oracle.get("levels")) {
                int nodes = level.get("tokens").size();
                request.begin(0, 1, nodes, 0, written + nodes, nodes);
                request.windowStart(0, rows);
                request.writeOffset(0, written);
                for (int t = 0; t < nodes; t++) {
                    int parent = level.get("parents").get(t).intValue();
                    request.row(0, t, level.get("tokens").get(t).intValue(), rows + written / nodes);
                    request.feature(0, t, before.features(), before.featureOffset(0, written == 0 ? rows - 1 : parent));
                    if (written > 0) {
                        request.see(0, t, parent);
                    }
                }
                before = Steps.await(engines.draft().step(request, new StepResult(engines.draft().shape(), nodes, nodes)));
                written += nodes;
                compare("level " + written / nodes, level, before, nodes);
            }
        }
    }

    private static void compare(String what, JsonNode expected, StepResult result, int rows) {
        int topK = result.shape().topK();
        for (int t = 0; t < rows; t++) {
            float[] output = new float[result.shape().featureSize()];
            result.features().get(result.featureOffset(0, t), output);
            assertThat(output).as("%s, row %d: output", what, t)
                    .containsExactly(floats(expected.get("outputs").get(t)), within(TOLERANCE));
            for (int i = 0; i < topK; i++) {
                assertThat(result.topId(0, t, i)).as("%s, row %d: token of rank %d", what, t, i)
                        .isEqualTo(expected.get("best").get("ids").get(t).get(i).intValue());
                assertThat(result.topLogit(0, t, i)).as("%s, row %d: log-probability of rank %d", what, t, i)
                        .isCloseTo(expected.get("best").get("logprobs").get(t).get(i).floatValue(), within(TOLERANCE));
            }
        }
    }

    private Bundle build() throws IOException {
        Path head = Files.createDirectory(folder.resolve("head"));
        for (String file : List.of("config.json", "pytorch_model.bin")) {
            try (InputStream in = getClass().getResourceAsStream("/eagle3/head/" + file)) {
                Files.copy(in, head.resolve(file));
            }
        }
        ModelConfig config = new ModelConfig("llama", 48, 16, 24, 7, 2, 1, 8, 1e-5, 10000, new RopeScaling.None(), true, false,
                64, 1, List.of(2));
        double[] embedding = StreamSupport.stream(oracle.get("embedding").spliterator(), false)
                .flatMap(row -> StreamSupport.stream(row.spliterator(), false)).mapToDouble(JsonNode::doubleValue).toArray();
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), config, embedding, 1);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(model); DraftHead opened = DraftHead.open(head)) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32, KvUpdate.IN_PLACE, 1, 48, 0),
                    ProgressListener.NONE).build(source, opened, List.of(), out);
        }
        return Bundle.open(out);
    }

    private static float[] floats(JsonNode values) {
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }
}
