package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** Drafts that compute the logits of retrieved tokens, beside the same head computing all of them. */
class CandidateProjectionTest {

    private static final int ROWS = 12;

    @TempDir
    Path folder;

    private final ModelConfig config = new ModelConfig("llama", 300, 64, 96, 2, 4, 2, 16, 1e-5, 10000, new RopeScaling.None(),
            false, false, 128, 1, List.of(2));

    /** A token and its log-probability. */
    private record Best(int token, float value) {
    }

    @BeforeEach
    void generate() throws IOException {
        GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 1);
        Files.writeString(folder.resolve("model/tokenizer.json"), "{}");
        GeneratedCheckpoints.writeHead(folder.resolve("head"), config, false, "F32", 2);
    }

    private Bundle build(Precision precision, DraftCandidates candidates) {
        return build("head", precision, candidates);
    }

    private Bundle build(String draft, Precision precision, DraftCandidates candidates) {
        Path out = folder.resolve("bundle-" + precision + (candidates == null ? "" : "-" + candidates.count()));
        try (HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("model"));
                DraftHead head = DraftHead.open(folder.resolve(draft))) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, KvUpdate.IN_PLACE, 2, 64, 0,
                    candidates), ProgressListener.NONE).build(model, head, List.of(), out);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return Bundle.open(out);
    }

    /** The best tokens of rows with random features that do not see each other. */
    private static List<List<Best>> draft(Bundle bundle, int rows) {
        try (EnginePair engines = OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(0, 2, false))) {
            Engine draft = engines.draft();
            StepRequest request = new StepRequest(draft.shape(), 1, rows, rows);
            request.begin(0, 1, rows, 0, rows, rows);
            Random random = new Random(3);
            for (int t = 0; t < rows; t++) {
                FloatBuffer feature = FloatBuffer.allocate(draft.shape().featureSize());
                for (int i = 0; i < feature.capacity(); i++) {
                    feature.put(i, (float) random.nextGaussian());
                }
                request.row(0, t, random.nextInt(300), 0);
                request.feature(0, t, feature, 0);
            }
            StepResult result = Steps.await(draft.step(request, new StepResult(draft.shape(), rows, rows)));
            List<List<Best>> best = new ArrayList<>();
            for (int t = 0; t < rows; t++) {
                List<Best> row = new ArrayList<>();
                for (int i = 0; i < draft.shape().topK(); i++) {
                    row.add(new Best(result.topId(0, t, i), result.topLogit(0, t, i)));
                }
                best.add(row);
            }
            return best;
        }
    }

    @ParameterizedTest
    @CsvSource({ "FP32, 1e-4", "INT8, 0.1" })
    void withAllTokensAsCandidatesItComputesWhatTheWholeProjectionComputes(Precision precision, double tolerance) {
        List<List<Best>> whole = draft(build(precision, null), ROWS);
        List<List<Best>> retrieved = draft(build(precision, new DraftCandidates(32, 300)), ROWS);
        for (int t = 0; t < ROWS; t++) {
            for (int i = 0; i < whole.get(t).size(); i++) {
                assertThat((double) retrieved.get(t).get(i).value()).as("row %d, rank %d", t, i)
                        .isCloseTo(whole.get(t).get(i).value(), within(tolerance));
            }
        }
    }

    @Test
    void whatIsRetrievedHasItsExactLogitAndTheBestIsMostlyRetrieved() {
        List<List<Best>> whole = draft(build(Precision.FP32, new DraftCandidates(32, 300)), ROWS);
        Bundle bundle = build(Precision.FP32, new DraftCandidates(32, 40));
        assertThat(bundle.manifest().draftGraph().vocabulary()).isEqualTo(300);
        List<List<Best>> retrieved = draft(bundle, ROWS);
        int found = 0;
        int compared = 0;
        for (int t = 0; t < ROWS; t++) {
            List<Best> all = whole.get(t);
            // Log-probabilities are among the candidates; their differences are the logits' own.
            Float shift = null;
            for (Best best : retrieved.get(t)) {
                for (Best exact : all) {
                    if (exact.token() == best.token()) {
                        shift = shift == null ? best.value() - exact.value() : shift;
                        assertThat(shift).as("mass outside of the candidates").isPositive();
                        assertThat(best.value() - exact.value()).as("row %d, token %d", t, best.token()).isCloseTo(shift,
                                within(1e-4f));
                        compared++;
                    }
                }
            }
            found += retrieved.get(t).get(0).token() == all.get(0).token() ? 1 : 0;
        }
        // Random projections have no favourite directions, so rank 32 of 64 is the hardest case; chance would find 1 or 2.
        assertThat(found).isGreaterThan(ROWS * 2 / 3);
        assertThat(compared).isGreaterThan(ROWS * 5);
    }

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = { "FP32", "INT8" })
    void aRowsCandidatesAreItsOwn(Precision precision) {
        Bundle bundle = build(precision, new DraftCandidates(32, 40));
        List<List<Best>> few = draft(bundle, 2);
        List<List<Best>> many = draft(bundle, ROWS);
        if (precision == Precision.INT8) {
            assertThat(few).isEqualTo(many.subList(0, 2));
        }
        for (int t = 0; t < 2; t++) {
            assertThat(few.get(t)).extracting(Best::token).isEqualTo(many.get(t).stream().map(Best::token).toList());
        }
    }

    @Test
    void optionsThatDoNotGoTogetherAreRefused() {
        assertThatThrownBy(() -> new DraftCandidates(4, 256)).hasMessageContainingAll("rank", "is 4", "between 8 and 1024");
        assertThatThrownBy(() -> new DraftCandidates(64, 9)).hasMessageContainingAll("number", "is 9", "between 10 and 4096");
        assertThatThrownBy(() -> new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE, 2, 64,
                100, new DraftCandidates(64, 256))).hasMessageContainingAll("draft vocabulary of 100", "leave out");
        assertThatThrownBy(() -> build(Precision.INT8, new DraftCandidates(64, 256)))
                .isInstanceOf(CheckpointException.class).hasMessageContainingAll("rank 64", "hidden size is 64");
        assertThat(folder.resolve("bundle-INT8-256")).doesNotExist();

        ModelConfig oneLayer = new ModelConfig("llama", 300, 64, 96, 1, 4, 2, 16, 1e-5, 10000, new RopeScaling.None(), false,
                false, 128, 1, List.of(2));
        GeneratedCheckpoints.writeEagle3Head(folder.resolve("eagle3"), oneLayer, 100, false, "F32", 2);
        assertThatThrownBy(() -> build("eagle3", Precision.INT8, new DraftCandidates(32, 256)))
                .isInstanceOf(CheckpointException.class).hasMessageContainingAll("its own 100 tokens", "--draft-candidates");
    }
}
