package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.checkpoint.FeatureHeads;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.Heads;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** Target and draft graphs of EAGLE-3 heads with random weights, against the formulae of the paper in doubles. */
class Eagle3GraphTest {

    private static final int LENGTH = 50;
    private static final int LEVEL = 3;
    private static final double TIGHT = 1e-4;

    @TempDir
    Path folder;

    /** Heads that differ where graphs do. */
    enum Shape {
        GROUPED_QUERIES_AND_FEWER_TOKENS("llama", 32, 4, 2, 8, new RopeScaling.None(), 40, false),
        STRETCHED_POSITIONS_AND_WIDE_HEADS("llama", 40, 3, 1, 24, new RopeScaling.Llama3(8, 1, 4, 32), 96, true),
        BIASES("qwen2", 48, 6, 2, 8, new RopeScaling.None(), 64, true);

        private final ModelConfig target;
        private final ModelConfig head;
        private final int draftVocabulary;
        private final boolean fcBias;

        Shape(String family, int hidden, int heads, int kvHeads, int headDim, RopeScaling scaling, int draftVocabulary,
                boolean fcBias) {
            this.target = new ModelConfig(family, 96, hidden, 56, 8, 4, 2, 8, 1e-5, 500000, scaling, false,
                    family.equals("qwen2"), 128, 1, List.of(2));
            // The head's own layer has nothing to share with the target's but the width of the stream.
            this.head = new ModelConfig(family, 96, hidden, 44, 1, heads, kvHeads, headDim, 1e-6, 10000, scaling, false,
                    family.equals("qwen2"), 128, 1, List.of(2));
            this.draftVocabulary = draftVocabulary;
            this.fcBias = fcBias;
        }
    }

    private static double tolerance(Precision precision) {
        // Such small models have few channels that 8-bit errors could cancel over; measured 0.08 of outputs of about 1.
        return precision == Precision.FP32 ? TIGHT : 0.25;
    }

    @ParameterizedTest
    @CsvSource({ "GROUPED_QUERIES_AND_FEWER_TOKENS, FP32", "GROUPED_QUERIES_AND_FEWER_TOKENS, INT8",
            "STRETCHED_POSITIONS_AND_WIDE_HEADS, FP32", "STRETCHED_POSITIONS_AND_WIDE_HEADS, INT8", "BIASES, FP32",
            "BIASES, INT8" })
    void graphsComputeTheFormulae(Shape shape, Precision precision) throws IOException {
        int[] text = new Random(23).ints(LENGTH + 2, 0, shape.target.vocabulary()).toArray();
        try (HuggingFaceModel model = model(shape.target);
                Eagle3Head head = head(shape);
                EnginePair engines = OnnxRuntimeEngines.open(build(model, head, precision),
                        new OnnxRuntimeOptions(0, 2, false))) {
            ReferenceDecoder reference = new ReferenceDecoder(model.config(), model.checkpoint());
            int[] prefix = Arrays.copyOf(text, LENGTH);
            double[][] fused = reference.fused(head, new int[] { 2, 4, 5 }, prefix);
            double[] worst = new double[1];
            new PlainSteps(engines.target()).read(1, prefix, 0, LENGTH, 11, (position, result, row) -> {
                worst[0] = Math.max(worst[0], largestError(fused[position], result.features(), result.featureOffset(0, row)));
            });
            // Streams are not normalised, and 8-bit errors grow from layer to layer; measured 0.34.
            assertThat(worst[0]).as("largest error of a feature of the target")
                    .isLessThan(precision == Precision.FP32 ? TIGHT : 0.5);

            Drafting drafting = new Drafting(engines.draft(), reference, head, tolerance(precision));
            drafting.extend(text, fused);
            drafting.growTwoLevels(text, fused);
        }
    }

    /** Drafts over a prefix and two levels behind it, and compares every row with the reference. */
    private record Drafting(Engine draft, ReferenceDecoder reference, Eagle3Head head, double tolerance) {

        /** The target's features go in. */
        void extend(int[] text, double[][] fused) {
            StepResult result = new StepResult(draft.shape(), LENGTH, LENGTH);
            StepRequest request = new StepRequest(draft.shape(), 1, LENGTH, LENGTH);
            step(request, result, text, fused, LENGTH);
            double[][] outputs = reference.outputs(head, Arrays.copyOf(text, LENGTH), fused);
            double[][] logits = reference.logits(head, outputs);
            for (int t = 0; t < LENGTH; t++) {
                compare("row " + t, outputs[t], logits[t], result, t);
            }
        }

        /** @param outputs how many rows are wanted, the last ones */
        private void step(StepRequest request, StepResult result, int[] text, double[][] fused, int outputs) {
            request.begin(0, 1, LENGTH, 0, LENGTH, outputs);
            for (int i = 0; i < outputs; i++) {
                request.outputRow(0, i, LENGTH - outputs + i);
            }
            for (int t = 0; t < LENGTH; t++) {
                request.row(0, t, text[t], t);
                request.feature(0, t, floats(fused[t]), 0);
                for (int seen = 0; seen < t; seen++) {
                    request.see(0, t, seen);
                }
            }
            Steps.await(draft.step(request, result));
        }

        /** As drafters do: the prefix leaves its last row's output alone, the head's own outputs go in, siblings are hidden. */
        void growTwoLevels(int[] text, double[][] fused) {
            StepRequest request = new StepRequest(draft.shape(), 1, LENGTH, LENGTH);
            StepResult before = new StepResult(draft.shape(), LENGTH, LENGTH);
            step(request, before, text, fused, 1);
            double[][] known = reference.outputs(head, Arrays.copyOf(text, LENGTH), fused);
            compare("the last row", known[LENGTH - 1], reference.logits(head, known)[LENGTH - 1], before, LENGTH - 1, 0);
            StepResult first = new StepResult(draft.shape(), LENGTH, LENGTH);
            level(request, 0);
            for (int t = 0; t < LEVEL; t++) {
                request.row(0, t, token(text, 1, t), LENGTH);
                request.feature(0, t, before.features(), before.featureOffset(0, LENGTH - 1));
            }
            Steps.await(draft.step(request, first));
            StepResult second = new StepResult(draft.shape(), LENGTH, LENGTH);
            level(request, LEVEL);
            for (int t = 0; t < LEVEL; t++) {
                request.row(0, t, token(text, 2, t), LENGTH + 1);
                request.feature(0, t, first.features(), first.featureOffset(0, parent(t)));
                request.see(0, t, parent(t));
            }
            Steps.await(draft.step(request, second));

            for (int t = 0; t < LEVEL; t++) {
                int[] path = Arrays.copyOf(text, LENGTH + 2);
                path[LENGTH] = token(text, 1, parent(t));
                path[LENGTH + 1] = token(text, 2, t);
                double[][] features = Arrays.copyOf(fused, LENGTH + 2);
                features[LENGTH] = last(path, features, LENGTH);
                features[LENGTH + 1] = last(path, features, LENGTH + 1);
                double[][] outputs = reference.outputs(head, path, features);
                double[][] logits = reference.logits(head, outputs);
                compare("level 1, node " + parent(t), outputs[LENGTH], logits[LENGTH], first, parent(t));
                compare("level 2, node " + t, outputs[LENGTH + 1], logits[LENGTH + 1], second, t);
            }
        }

        private void level(StepRequest request, int writeOffset) {
            request.begin(0, 1, LEVEL, 0, writeOffset + LEVEL, LEVEL);
            request.windowStart(0, LENGTH);
            request.writeOffset(0, writeOffset);
        }

        private static int token(int[] text, int level, int node) {
            return text[7 * level + node];
        }

        private static int parent(int node) {
            return (node + 1) % 2;
        }

        /** The output of the last of so many rows. */
        private double[] last(int[] path, double[][] features, int rows) {
            return reference.outputs(head, Arrays.copyOf(path, rows), Arrays.copyOf(features, rows))[rows - 1];
        }

        private void compare(String row, double[] output, double[] logits, StepResult result, int t) {
            compare(row, output, logits, result, t, t);
        }

        private void compare(String row, double[] output, double[] logits, StepResult result, int t, int r) {
            assertThat(largestError(output, result.features(), result.featureOffset(0, t))).as(row + ": error of its output")
                    .isLessThan(tolerance);
            double logZ = Math.log(Arrays.stream(logits).map(Math::exp).sum());
            int[] tokens = head.draftTokens();
            double[] descending = Arrays.stream(logits).sorted().toArray();
            for (int i = 0; i < draft.shape().topK(); i++) {
                int draftId = Arrays.binarySearch(tokens, result.topId(0, r, i));
                assertThat(draftId).as(row + ": draft id of token " + result.topId(0, r, i)).isNotNegative();
                assertThat(Math.abs(result.topLogit(0, r, i) - (logits[draftId] - logZ)))
                        .as(row + ", rank " + i + ": error of the token's log-probability").isLessThan(tolerance);
                assertThat(Math.abs(result.topLogit(0, r, i) - (descending[logits.length - 1 - i] - logZ)))
                        .as(row + ", rank " + i + ": error of the rank's log-probability").isLessThan(tolerance);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(KvUpdate.class)
    void theManifestTellsTheKindAndTheHeadsOwnVocabulary(KvUpdate update) throws IOException {
        Shape shape = Shape.GROUPED_QUERIES_AND_FEWER_TOKENS;
        try (HuggingFaceModel model = model(shape.target); Eagle3Head head = head(shape)) {
            BundleManifest.Graph draft = build(model, head, options(Precision.INT8, update, 0)).manifest().draftGraph();
            assertThat(draft.kind()).isEqualTo("eagle3");
            assertThat(draft.vocabulary()).isEqualTo(40);
            assertThat(draft.featureSize()).isEqualTo(32);
            assertThat(draft.layers()).isEqualTo(1);
        }
    }

    @Test
    void aHeadOfAnotherModelIsRefused() throws IOException {
        try (HuggingFaceModel model = model(Shape.GROUPED_QUERIES_AND_FEWER_TOKENS.target);
                Eagle3Head head = head(Shape.BIASES)) {
            assertRefused(model, head, List.of(), 0, "hidden size 48", "hidden size 32", "trained for this target");
        }
        try (HuggingFaceModel model = model(GeneratedCheckpoints.smallLlama(8));
                Eagle3Head head = head(Shape.GROUPED_QUERIES_AND_FEWER_TOKENS)) {
            assertRefused(model, head, List.of(), 0, "vocabulary 96", "vocabulary 64", "trained for this target");
        }
        try (HuggingFaceModel model = model(GeneratedCheckpoints.smallLlama(2));
                Eagle3Head head = head(GeneratedCheckpoints.smallLlama(1))) {
            assertRefused(model, head, List.of(), 0, "the target has 2", "at least 7");
        }
    }

    @Test
    void anotherDraftVocabularyThanTheHeadsOwnIsRefused() throws IOException {
        try (HuggingFaceModel model = model(Shape.GROUPED_QUERIES_AND_FEWER_TOKENS.target);
                Eagle3Head head = head(Shape.GROUPED_QUERIES_AND_FEWER_TOKENS)) {
            assertRefused(model, head, List.of(), 20, "draft vocabulary of 20", "its own of 40", "--draft-vocabulary");
        }
    }

    @Test
    void headsThatReadTheLastLayerAreRefusedBesideIt() throws IOException {
        Shape shape = Shape.GROUPED_QUERIES_AND_FEWER_TOKENS;
        Path medusa = GeneratedCheckpoints.writeMedusa(folder.resolve("medusa"), shape.target, 2, false, 3);
        try (HuggingFaceModel model = model(shape.target);
                Eagle3Head head = head(shape);
                FeatureHeads further = (FeatureHeads) Heads.open(medusa)) {
            assertRefused(model, head, List.of(further), 0, "EAGLE-3 head", "medusa heads", "a bundle for each");
        }
    }

    private void assertRefused(HuggingFaceModel model, Eagle3Head head, List<FeatureHeads> further, int draftVocabulary,
            String... texts) {
        GraphOptions options = options(Precision.INT8, KvUpdate.IN_PLACE, draftVocabulary);
        assertThatThrownBy(() -> new BundleBuilder(options, ProgressListener.NONE).build(model, head, further, List.of(),
                folder.resolve("refused"))).isInstanceOf(CheckpointException.class).hasMessageContainingAll(texts);
        assertThat(folder.resolve("refused")).doesNotExist();
    }

    private HuggingFaceModel model(ModelConfig config) throws IOException {
        Path model = GeneratedCheckpoints.write(folder.resolve("model-" + config.layers() + config.vocabulary()), config, "F32",
                17);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        return HuggingFaceModel.open(model);
    }

    private Eagle3Head head(Shape shape) {
        return (Eagle3Head) DraftHead.open(GeneratedCheckpoints.writeEagle3Head(folder.resolve("head"), shape.head,
                shape.draftVocabulary, shape.fcBias, "F32", 19));
    }

    private Eagle3Head head(ModelConfig config) {
        return (Eagle3Head) DraftHead.open(
                GeneratedCheckpoints.writeEagle3Head(folder.resolve("head"), config, 40, false, "F32", 19));
    }

    private static GraphOptions options(Precision precision, KvUpdate update, int draftVocabulary) {
        return new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, update, 2, 128, draftVocabulary);
    }

    private Bundle build(HuggingFaceModel model, Eagle3Head head, Precision precision) {
        return build(model, head, options(precision, KvUpdate.IN_PLACE, 0));
    }

    private Bundle build(HuggingFaceModel model, Eagle3Head head, GraphOptions options) {
        Path out = folder.resolve("bundle");
        new BundleBuilder(options, ProgressListener.NONE).build(model, head, List.of(), out);
        return Bundle.open(out);
    }

    private static FloatBuffer floats(double[] values) {
        FloatBuffer row = FloatBuffer.allocate(values.length);
        for (int i = 0; i < values.length; i++) {
            row.put(i, (float) values[i]);
        }
        return row;
    }

    private static double largestError(double[] expected, FloatBuffer found, int offset) {
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i] - found.get(offset + i)));
        }
        return largest;
    }
}
