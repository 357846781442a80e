package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** Graphs of every supported architecture, with random weights, against a decoder written from the papers' formulae. */
class ArchitectureTest {

    private static final int LENGTH = 80;
    private static final double TIGHT = 1e-4;
    /** Outputs are about 1 in size, and such small models have few channels that errors could cancel over; measured 0.24. */
    private static final double LOOSE = 0.35;

    @TempDir
    Path folder;

    /** Shapes that differ where graphs do. */
    enum Architecture {
        LLAMA_2_WITH_ONE_KEY_PER_QUERY("llama", 32, 4, 4, 8, new RopeScaling.None(), false),
        LLAMA_3_WITH_GROUPED_QUERIES("llama", 32, 4, 2, 8, new RopeScaling.None(), false),
        LLAMA_3_1_WITH_STRETCHED_POSITIONS("llama", 32, 4, 2, 16, new RopeScaling.Llama3(8, 1, 4, 32), true),
        LLAMA_WITH_LINEAR_SCALING("llama", 32, 4, 2, 8, new RopeScaling.Linear(4), true),
        LLAMA_WITH_HEADS_WIDER_THAN_THE_STREAM("llama", 40, 3, 1, 24, new RopeScaling.None(), true),
        QWEN_2_TIED("qwen2", 24, 6, 2, 4, new RopeScaling.None(), true),
        QWEN_2_UNTIED("qwen2", 48, 6, 1, 8, new RopeScaling.None(), false);

        private final ModelConfig config;

        Architecture(String family, int hidden, int heads, int kvHeads, int headDim, RopeScaling scaling, boolean tied) {
            config = new ModelConfig(family, 96, hidden, 56, 3, heads, kvHeads, headDim, 1e-5, 10000, scaling, tied,
                    family.equals("qwen2"), 128, 1, List.of(2));
        }
    }

    @ParameterizedTest
    @EnumSource
    void theFp32TargetComputesTheFormulae(Architecture architecture) throws IOException {
        Errors errors = compareTarget(architecture, Precision.FP32);
        assertThat(errors.logits).as("largest error of a logit").isLessThan(TIGHT);
        assertThat(errors.features).as("largest error of a feature").isLessThan(TIGHT);
    }

    @ParameterizedTest
    @EnumSource
    void theInt8TargetComputesNearlyTheFormulae(Architecture architecture) throws IOException {
        Errors errors = compareTarget(architecture, Precision.INT8);
        assertThat(errors.logits).as("largest error of a logit").isLessThan(LOOSE);
        assertThat(errors.features).as("largest error of a feature").isLessThan(LOOSE);
    }

    @ParameterizedTest
    @EnumSource
    void aHeadWithBiasAndTwoLayersComputesTheFormulae(Architecture architecture) throws IOException {
        Errors errors = compareHead(architecture, Precision.FP32);
        assertThat(errors.logits).as("largest error of a log-probability").isLessThan(TIGHT);
        assertThat(errors.features).as("largest error of a feature").isLessThan(TIGHT);
    }

    @ParameterizedTest
    @EnumSource
    void anInt8HeadComputesNearlyTheFormulae(Architecture architecture) throws IOException {
        Errors errors = compareHead(architecture, Precision.INT8);
        assertThat(errors.logits).as("largest error of a log-probability").isLessThan(LOOSE);
        assertThat(errors.features).as("largest error of a feature").isLessThan(LOOSE);
    }

    private record Errors(double logits, double features) {
    }

    private HuggingFaceModel model(ModelConfig config) throws IOException {
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 17);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        return HuggingFaceModel.open(model);
    }

    private EagleHead head(ModelConfig target) {
        ModelConfig own = new ModelConfig(target.family(), target.vocabulary(), target.hidden(), 44, 2, target.heads(),
                target.kvHeads(), target.headDim(), target.normEpsilon(), target.ropeTheta(), target.ropeScaling(), true,
                target.qkvBias(), target.maxPositions(), 1, List.of(2));
        return EagleHead.open(GeneratedCheckpoints.writeHead(folder.resolve("head"), own, true, "F32", 19));
    }

    private EnginePair build(HuggingFaceModel model, EagleHead head, Precision precision) {
        Path out = folder.resolve("bundle");
        new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, KvUpdate.IN_PLACE, 2, 128, 0),
                ProgressListener.NONE).build(model, head, List.of(), out);
        return OnnxRuntimeEngines.open(Bundle.open(out), new OnnxRuntimeOptions(0, 2, false));
    }

    private Errors compareTarget(Architecture architecture, Precision precision) throws IOException {
        int[] text = text(architecture.config);
        double[] worst = new double[2];
        try (HuggingFaceModel model = model(architecture.config); EnginePair engines = build(model, null, precision)) {
            ReferenceDecoder reference = new ReferenceDecoder(model.config(), model.checkpoint());
            double[][] features = reference.features(text);
            double[][] logits = reference.logits(features);
            new PlainSteps(engines.target()).read(1, text, 0, LENGTH, 11, (position, result, row) -> {
                worst[0] = Math.max(worst[0],
                        largestError(logits[position], result.logits(), result.logitsOffset(0, row)));
                worst[1] = Math.max(worst[1],
                        largestError(features[position], result.features(), result.featureOffset(0, row)));
            });
        }
        return new Errors(worst[0], worst[1]);
    }

    private Errors compareHead(Architecture architecture, Precision precision) throws IOException {
        int[] text = text(architecture.config);
        try (HuggingFaceModel model = model(architecture.config);
                EagleHead head = head(architecture.config);
                EnginePair engines = build(model, head, precision)) {
            ReferenceDecoder reference = new ReferenceDecoder(model.config(), model.checkpoint());
            double[][] targetFeatures = reference.features(text);
            double[][] features = reference.head(head, text, targetFeatures);
            double[][] logits = reference.logits(features);
            StepResult result = run(engines.draft(), text, targetFeatures);
            double worstLogit = 0;
            double worstFeature = 0;
            for (int t = 0; t < LENGTH; t++) {
                double logZ = logSumExp(logits[t]);
                for (int i = 0; i < engines.draft().shape().topK(); i++) {
                    double expected = logits[t][result.topId(0, t, i)] - logZ;
                    worstLogit = Math.max(worstLogit, Math.abs(result.topLogit(0, t, i) - expected));
                }
                worstFeature = Math.max(worstFeature,
                        largestError(features[t], result.features(), result.featureOffset(0, t)));
            }
            return new Errors(worstLogit, worstFeature);
        }
    }

    private static StepResult run(Engine draft, int[] text, double[][] features) {
        StepRequest request = new StepRequest(draft.shape(), 1, LENGTH, LENGTH);
        StepResult result = new StepResult(draft.shape(), LENGTH, LENGTH);
        request.begin(0, 1, LENGTH, 0, LENGTH, LENGTH);
        FloatBuffer row = FloatBuffer.allocate(draft.shape().featureSize());
        for (int t = 0; t < LENGTH; t++) {
            for (int i = 0; i < row.capacity(); i++) {
                row.put(i, (float) features[t][i]);
            }
            request.row(0, t, text[t], t);
            request.feature(0, t, row, 0);
            for (int seen = 0; seen < t; seen++) {
                request.see(0, t, seen);
            }
        }
        return Steps.await(draft.step(request, result));
    }

    private static int[] text(ModelConfig config) {
        return new Random(23).ints(LENGTH, 0, config.vocabulary()).toArray();
    }

    private static double largestError(double[] expected, FloatBuffer found, int offset) {
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i] - found.get(offset + i)));
        }
        return largest;
    }

    private static double logSumExp(double[] logits) {
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit);
        }
        return Math.log(sum);
    }
}
