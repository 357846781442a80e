package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.toy.AgreeingDraft;
import io.quarkiverse.eagle.toy.StepTime;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.toy.VirtualClock;

/** What keeping a draft head in the picture costs many sequences, on a virtual clock. */
class SpeculationUnderLoadTest {

    private static final int STREAMS = 8;
    private static final int TOKENS = 400;
    private static final int LENGTH = 512;
    private static final int ROWS = 64;
    private static final double MILLIS = 1e6;

    private long cycles;
    private long cycleTokens;

    /** Milliseconds that all streams take together. */
    private double milliseconds(String drafter, int promptLength, StepTime draftTime, double agreement) {
        VirtualClock clock = new VirtualClock();
        ToyLanguage language = ToyLanguage.endless();
        ToyTarget target = new ToyTarget(language, STREAMS, LENGTH, ROWS, 4, true);
        AgreeingDraft draft = new AgreeingDraft(language, STREAMS, LENGTH, ROWS, 10, agreement);
        target.takesTime(clock, StepTime.ofMillis(6, 0.005));
        draft.takesTime(clock, draftTime);
        try (SimulatedModel model = new SimulatedModel(clock, language, new EnginePair(target, draft),
                CostMeasurement.measure(target, ROWS), CostMeasurement.measure(draft, 10), List.of(),
                new ModelOptions(null, null, STREAMS, Runnable::run))) {
            long start = clock.now();
            for (int i = 0; i < STREAMS; i++) {
                model.stream(ToyModel.prompt(promptLength, i),
                        GenerationOptions.defaults().withDrafter(drafter).withMaxTokens(TOKENS),
                        (root, tree, accepted, emitted, count) -> {
                            cycles++;
                            cycleTokens += count;
                        }, new EagerReader());
            }
            while (model.turn()) {
                // until all are served
            }
            return (clock.now() - start) / MILLIS;
        }
    }

    @Test
    void aHeadThatDoesNotPayIsNotReadAllTheSame() {
        double plain = milliseconds("none", 40, StepTime.ofMillis(4, 0.05), 0);
        assertThat(milliseconds("eagle2", 40, StepTime.ofMillis(4, 0.05), 0) / plain).isLessThan(1.03);
    }

    @Test
    void aGoodHeadIsNotGivenUpForWhatItsPromptsCost() {
        double plain = milliseconds("none", 60, StepTime.ofMillis(0.3, 0.01), 0.8);
        assertThat(plain / milliseconds("eagle2", 60, StepTime.ofMillis(0.3, 0.01), 0.8)).isGreaterThan(1.2);
    }
}
