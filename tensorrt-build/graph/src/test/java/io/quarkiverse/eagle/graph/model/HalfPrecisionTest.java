package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import ai.onnxruntime.OrtException;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * The numerics of graphs in half precision, which are made for GPUs: the same steps as the graph in single precision, on ONNX
 * Runtime's CPU kernels, which compute in half precision where they can and convert where they cannot.
 */
class HalfPrecisionTest {

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = { "llama", "qwen2" })
    void followsTheGraphInSinglePrecision(String family) throws IOException, OrtException {
        ModelConfig config = family.equals("llama") ? GeneratedCheckpoints.smallLlama() : GeneratedCheckpoints.smallQwen2();
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 31);
        Files.writeString(model.resolve("tokenizer.json"), "{}");

        List<Map<String, float[]>> single = PlainSession.run(build(model, GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32),
                config);
        List<Map<String, float[]>> half = PlainSession.run(build(model, GraphOptions.Runtime.TENSORRT, Precision.FP16), config);

        for (int i = 0; i < PlainSession.STEPS.size(); i++) {
            for (String output : List.of("top_logits", "log_z", "features")) {
                float[] exact = single.get(i).get(output);
                float[] rounded = half.get(i).get(output);
                assertThat(rounded).as("step %d, %s", i, output).hasSameSizeAs(exact);
                // Measured 0.01; a half has 11 bits, and a graph that is not in half precision would have no error at all.
                assertThat(largestError(exact, rounded)).as("step %d, %s", i, output).isBetween(1e-6, 2e-2);
            }
        }
    }

    /** Relative to outputs of about 1. */
    private static double largestError(float[] exact, float[] rounded) {
        double largest = 0;
        for (int i = 0; i < exact.length; i++) {
            largest = Math.max(largest, Math.abs(exact[i] - rounded[i]) / Math.max(1, Math.abs(exact[i])));
        }
        return largest;
    }

    private Bundle build(Path model, GraphOptions.Runtime runtime, Precision precision) throws IOException {
        Path out = folder.resolve(precision.text());
        try (HuggingFaceModel source = HuggingFaceModel.open(model)) {
            new BundleBuilder(new GraphOptions(runtime, precision, KvUpdate.FUNCTIONAL, PlainSession.BATCH, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        return Bundle.open(out);
    }
}
