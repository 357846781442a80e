package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.toy.AgreeingDraft;
import io.quarkiverse.eagle.toy.StepTime;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.toy.VirtualClock;

/** What turns of half the sequences bring where they pay and where they do not, on a virtual clock. */
class HalfBatchesTest {

    private static final int STREAMS = 8;
    private static final int TOKENS = 200;
    private static final int PROMPT = 20;
    private static final int LENGTH = 512;
    private static final int ROWS = 64;
    private static final double MILLIS = 1e6;
    private static final TreeBudget BUDGET = new TreeBudget(20, 5, 4);
    /** The rows' sums decide: a step of half the rows takes half the time. */
    private static final StepTime BY_ROWS = StepTime.ofMillis(0.5, 0.1);
    /** The weights' reading decides. */
    private static final StepTime BY_STEP = StepTime.ofMillis(10, 0.001);
    private static final StepTime DRAFT = StepTime.ofMillis(1, 0.005);

    /** Milliseconds until all streams have their answers, which are plain decoding's. */
    private static double milliseconds(HalfBatching halves, StepTime targetTime, StepTime draftTime) {
        VirtualClock clock = new VirtualClock();
        ToyLanguage language = ToyLanguage.endless();
        ToyTarget target = new ToyTarget(language, STREAMS, LENGTH, ROWS, 4, true);
        AgreeingDraft draft = new AgreeingDraft(language, STREAMS, LENGTH, ROWS, 10, 0.6);
        target.takesTime(clock, targetTime);
        draft.takesTime(clock, draftTime);
        target.runsBesideOthers();
        GenerationOptions options = GenerationOptions.defaults().withDrafter("eagle2").withBudget(BUDGET)
                .withMaxTokens(TOKENS);
        try (SimulatedModel model = new SimulatedModel(clock, language, new EnginePair(target, draft),
                CostMeasurement.measure(target, ROWS), CostMeasurement.measure(draft, 10), List.of(),
                new ModelOptions(null, null, STREAMS, Runnable::run).withHalfBatching(halves))) {
            List<Answer> answers = new ArrayList<>();
            long start = clock.now();
            for (int i = 0; i < STREAMS; i++) {
                answers.add(new Answer());
                model.stream(ToyModel.prompt(PROMPT, i), options, null, answers.get(i));
            }
            while (model.turn()) {
                // until all are served
            }
            assertThat(target.misuse()).isNull();
            for (int i = 0; i < STREAMS; i++) {
                assertThat(answers.get(i).ids).containsExactly(
                        IntStream.of(language.greedy(ToyModel.prompt(PROMPT, i), TOKENS)).boxed().toArray(Integer[]::new));
            }
            return (clock.now() - start) / MILLIS;
        }
    }

    private static final class Answer extends EagerReader {
        private final List<Integer> ids = new ArrayList<>();

        @Override
        public void onNext(GeneratedToken token) {
            ids.add(token.id());
        }
    }

    @Test
    void draftingIsHiddenBehindStepsWhereRowsDecide() {
        double whole = milliseconds(HalfBatching.NEVER, BY_ROWS, DRAFT);
        assertThat(milliseconds(HalfBatching.ALWAYS, BY_ROWS, DRAFT) / whole).isLessThan(0.85);
        assertThat(milliseconds(HalfBatching.WHEN_FASTER, BY_ROWS, DRAFT) / whole).isLessThan(0.9);
    }

    @Test
    void allGoTogetherWhereReadingTheWeightsDecides() {
        double whole = milliseconds(HalfBatching.NEVER, BY_STEP, DRAFT);
        assertThat(milliseconds(HalfBatching.ALWAYS, BY_STEP, DRAFT) / whole).isGreaterThan(1.2);
        assertThat(milliseconds(HalfBatching.WHEN_FASTER, BY_STEP, DRAFT) / whole).isLessThan(1.01);
    }

    @Test
    void aTryIsGivenUpWhenStepAndDraftingSlowEachOtherDown() {
        // 10 ms for 100 rows, 5 ms for 50.
        StepCosts costs = new StepCosts(new CostCurve(new int[] { 50, 100 }, new double[] { 5e-3, 10e-3 }, 64, 0));
        HalfBatches<String> halves = new HalfBatches<>(HalfBatching.WHEN_FASTER, costs);
        assertThat(halves.divides(2)).isFalse();
        halves.tookWhole(100, 4e-3);
        int cycles = 0;
        while (halves.divides(2) && cycles < 100) {
            halves.divide(List.of("a", "b"), new ArrayList<>(), new ArrayList<>());
            halves.tookHalf(50, 9e-3);
            cycles++;
        }
        assertThat(cycles).isBetween(2, 40);
    }

    @Test
    void everybodyIsVerifiedInTwoCyclesWhoeverComesAndGoes() {
        HalfBatches<String> halves = new HalfBatches<>(HalfBatching.ALWAYS, null);
        assertThat(divided(halves, "a", "b", "c")).containsExactly(List.of("a", "b"), List.of("c"));
        assertThat(divided(halves, "new", "a", "c")).containsExactly(List.of("new", "c"), List.of("a"));
        assertThat(divided(halves, "a", "c", "d", "e")).containsExactly(List.of("a", "c"), List.of("d", "e"));
        assertThat(divided(halves, "a", "c")).containsExactly(List.of("a"), List.of("c"));
        assertThat(halves.divides(1)).isFalse();
        assertThat(divided(halves, "a", "c")).containsExactly(List.of("a"), List.of("c"));
        assertThat(divided(halves, "a", "c")).containsExactly(List.of("c"), List.of("a"));
    }

    /** Those that are verified, and those that are drafted for meanwhile. */
    private static List<List<String>> divided(HalfBatches<String> halves, String... decoding) {
        assertThat(halves.divides(decoding.length)).isTrue();
        List<List<String>> parts = List.of(new ArrayList<>(), new ArrayList<>());
        halves.divide(List.of(decoding), parts.get(0), parts.get(1));
        return parts;
    }
}
