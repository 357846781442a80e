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
    private ModelConfig config;
    private Path model;

    @ParameterizedTest
    @ValueSource(strings = { "llama", "qwen2" })
    void followsTheGraphInSinglePrecision(String family) throws IOException, OrtException {
        write(family);
        // Measured 0.01; a half has 11 bits, and a graph that is not in half precision would have no error at all.
        requireErrors(single(), PlainSession.run(build(GraphOptions.Runtime.TENSORRT, Precision.FP16), config), 1e-6, 2e-2);
    }

    /** ONNX Runtime has no kernels for bfloat16, see {@link EmulatedBfloat16}. Measured 0.03 and 5e-4; it has 8 bits. */
    @ParameterizedTest
    @ValueSource(strings = { "llama", "qwen2" })
    void followsTheGraphInSinglePrecisionInBfloat16(String family) throws IOException, OrtException {
        write(family);
        Bundle bundle = build(GraphOptions.Runtime.TENSORRT, Precision.BF16);
        Path emulated = EmulatedBfloat16.beside(bundle.file(bundle.manifest().targetGraph().file()));
        requireErrors(single(), PlainSession.run(emulated, config), 1e-4, 6e-2);
    }

    private void write(String family) throws IOException {
        config = family.equals("llama") ? GeneratedCheckpoints.smallLlama() : GeneratedCheckpoints.smallQwen2();
        model = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 31);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
    }

    private List<Map<String, float[]>> single() throws IOException, OrtException {
        return PlainSession.run(build(GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32), config);
    }

    private static void requireErrors(List<Map<String, float[]>> single, List<Map<String, float[]>> half, double least,
            double most) {
        for (int i = 0; i < PlainSession.STEPS.size(); i++) {
            for (String output : List.of("top_logits", "log_z", "features")) {
                float[] exact = single.get(i).get(output);
                float[] rounded = half.get(i).get(output);
                assertThat(rounded).as("step %d, %s", i, output).hasSameSizeAs(exact);
                assertThat(largestError(exact, rounded)).as("step %d, %s", i, output).isBetween(least, most);
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

    private Bundle build(GraphOptions.Runtime runtime, Precision precision) throws IOException {
        Path out = folder.resolve(precision.text());
        try (HuggingFaceModel source = HuggingFaceModel.open(model)) {
            new BundleBuilder(new GraphOptions(runtime, precision, KvUpdate.FUNCTIONAL, PlainSession.BATCH, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        return Bundle.open(out);
    }
}
