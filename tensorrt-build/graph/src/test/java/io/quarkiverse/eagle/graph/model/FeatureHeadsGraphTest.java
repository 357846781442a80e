package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.FeatureHeads;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.Heads;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** The graphs of Medusa and Hydra heads against their formulas, in plain loops. */
class FeatureHeadsGraphTest {

    private static final int HEADS = 3;

    private final ModelConfig config = GeneratedCheckpoints.smallLlama();
    private final int hidden = config.hidden();

    @TempDir
    Path folder;

    @BeforeEach
    void generate() throws IOException {
        GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 1);
        Files.writeString(folder.resolve("model/tokenizer.json"), "{\"version\": \"1.0\"}");
    }

    private Bundle build(Precision precision, Path heads) {
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("model"));
                FeatureHeads opened = (FeatureHeads) Heads.open(heads)) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, KvUpdate.IN_PLACE, 2, 64, 0),
                    ProgressListener.NONE).build(model, null, List.of(opened), List.of(), out);
        }
        return Bundle.open(out);
    }

    private static double tolerance(Precision precision) {
        return precision == Precision.FP32 ? 1e-4 : 0.1;
    }

    @ParameterizedTest
    @CsvSource({ "FP32,true", "FP32,false", "INT8,true", "INT8,false" })
    void everyMedusaHeadIsItsFormula(Precision precision, boolean ownProjection) throws IOException {
        Path path = GeneratedCheckpoints.writeMedusa(folder.resolve("heads"), config, HEADS, ownProjection, 3);
        Bundle bundle = build(precision, path);
        try (EnginePair engines = OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(0, 1, false));
                FeatureHeads heads = (FeatureHeads) Heads.open(path);
                HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("model"))) {
            float[] feature = feature(1);
            StepResult result = step(engines.further().get("medusa"), feature, new int[HEADS], 0, HEADS);
            for (int head = 0; head < HEADS; head++) {
                float[] inner = linear(heads.checkpoint(), head + ".0.linear", feature, hidden);
                float[] out = new float[hidden];
                for (int i = 0; i < hidden; i++) {
                    out[i] = feature[i] + silu(inner[i]);
                }
                float[] logits = ownProjection
                        ? multiply(heads.checkpoint(), head + ".1.weight", out, config.vocabulary())
                        : multiply(model.checkpoint(), "model.embed_tokens.weight", out, config.vocabulary());
                assertBest(result, head, logits, tolerance(precision));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = { "FP32", "INT8" })
    void everyHydraHeadIsItsFormula(Precision precision) throws IOException {
        Path path = GeneratedCheckpoints.writeHydra(folder.resolve("heads"), config, HEADS, 5);
        Bundle bundle = build(precision, path);
        int[] tokens = { 7, 30, 11 };
        try (EnginePair engines = OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(0, 1, false));
                FeatureHeads heads = (FeatureHeads) Heads.open(path);
                HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("model"))) {
            float[] feature = feature(2);
            for (int head = 0; head < HEADS; head++) {
                StepResult result = step(engines.further().get("hydra"), feature, tokens, head, 1);
                float[] seen = java.util.Arrays.copyOf(feature, (head + 2) * hidden);
                for (int t = 0; t <= head; t++) {
                    model.checkpoint().read("model.embed_tokens.weight", (long) tokens[t] * hidden, seen, (t + 1) * hidden,
                            hidden);
                }
                float[] z = linear(heads.checkpoint(), head + ".in", seen, hidden);
                float[] inner = linear(heads.checkpoint(), head + ".res.linear", z, hidden);
                float[] out = new float[hidden];
                for (int i = 0; i < hidden; i++) {
                    out[i] = z[i] + silu(inner[i]) + feature[i];
                }
                assertBest(result, 0, multiply(model.checkpoint(), "model.embed_tokens.weight", out, config.vocabulary()),
                        tolerance(precision));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusesHeadsOfAnotherModel(FeatureHeads.Kind kind) {
        ModelConfig other = GeneratedCheckpoints.smallQwen2();
        Path path = kind == FeatureHeads.Kind.HYDRA ? GeneratedCheckpoints.writeHydra(folder.resolve("heads"), other, 2, 5)
                : GeneratedCheckpoints.writeMedusa(folder.resolve("heads"), other, 2, false, 5);
        assertThatThrownBy(() -> build(Precision.INT8, path)).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("hidden size 24 and vocabulary 96", "hidden size 32 and vocabulary 64",
                        "trained for this target");
    }

    @Test
    void refusesAConfigurationThatCountsOtherHeads() throws IOException {
        Path path = GeneratedCheckpoints.writeMedusa(folder.resolve("heads"), config, HEADS, false, 3);
        Path json = path.resolve("config.json");
        Files.writeString(json, Files.readString(json).replaceFirst("(medusa_num_heads\"\\s*:\\s*)3", "$15"));
        assertThatThrownBy(() -> Heads.open(path)).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("has 3 medusa heads", "medusa_num_heads: 5");
    }

    private float[] feature(long seed) {
        Random random = new Random(seed);
        float[] feature = new float[hidden];
        for (int i = 0; i < hidden; i++) {
            feature[i] = (float) random.nextGaussian();
        }
        return feature;
    }

    /** Runs the same row twice, as a batch of two. */
    private static StepResult step(Engine engine, float[] feature, int[] tokens, int head, int outputs) {
        StepRequest request = new StepRequest(engine.shape(), 2, 2 * HEADS, HEADS);
        StepResult result = new StepResult(engine.shape(), 2 * HEADS, 2 * HEADS);
        request.begin(0, 2, HEADS, 0, HEADS, outputs);
        for (int b = 0; b < 2; b++) {
            request.feature(b, 0, FloatBuffer.wrap(feature), 0);
            for (int t = 0; t < HEADS; t++) {
                request.row(b, t, tokens[t], t == 0 ? head : 0);
            }
        }
        return Steps.await(engine.step(request, result));
    }

    private static float[] linear(Checkpoint checkpoint, String name, float[] x, int rows) {
        float[] y = multiply(checkpoint, name + ".weight", x, rows);
        float[] bias = new float[rows];
        checkpoint.read(name + ".bias", 0, bias, 0, rows);
        for (int i = 0; i < rows; i++) {
            y[i] += bias[i];
        }
        return y;
    }

    private static float[] multiply(Checkpoint checkpoint, String tensor, float[] x, int rows) {
        float[] y = new float[rows];
        float[] row = new float[x.length];
        for (int i = 0; i < rows; i++) {
            checkpoint.read(tensor, (long) i * x.length, row, 0, x.length);
            for (int k = 0; k < x.length; k++) {
                y[i] += row[k] * x[k];
            }
        }
        return y;
    }

    private static float silu(float x) {
        return (float) (x / (1 + Math.exp(-x)));
    }

    /** The outputs of both sequences are the best of these logits, as log-probabilities. */
    private static void assertBest(StepResult result, int output, float[] logits, double tolerance) {
        double logZ = 0;
        for (float logit : logits) {
            logZ += Math.exp(logit);
        }
        logZ = Math.log(logZ);
        double[] descending = new double[logits.length];
        for (int i = 0; i < logits.length; i++) {
            descending[i] = logits[i] - logZ;
        }
        java.util.Arrays.sort(descending);
        for (int b = 0; b < 2; b++) {
            for (int i = 0; i < 10; i++) {
                assertThat((double) result.topLogit(b, output, i)).as("rank " + i)
                        .isCloseTo(descending[logits.length - 1 - i], within(tolerance));
                assertThat(logits[result.topId(b, output, i)] - logZ).as("rank " + i)
                        .isCloseTo(result.topLogit(b, output, i), within(tolerance));
            }
        }
    }
}
