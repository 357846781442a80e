package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.Flow;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GeneratedToken;
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

    /** Milliseconds of a step that takes so many, and so many more for each row. */
    private static StepTime time(double step, double row) {
        return request -> (long) (MILLIS * (step + row * request.batch() * request.rows()));
    }

    /** Milliseconds that all streams take together. */
    private double milliseconds(String drafter, int promptLength, StepTime draftTime, double agreement) {
        VirtualClock clock = new VirtualClock();
        ToyLanguage language = ToyLanguage.endless();
        ToyTarget target = new ToyTarget(language, STREAMS, LENGTH, ROWS, 4, true);
        AgreeingDraft draft = new AgreeingDraft(language, STREAMS, LENGTH, ROWS, 10, agreement);
        target.takesTime(clock, time(6, 0.005));
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
                        }, new Eager());
            }
            while (model.turn()) {
                // until all are served
            }
            return (clock.now() - start) / MILLIS;
        }
    }

    private static final class Eager implements Flow.Subscriber<GeneratedToken> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(GeneratedToken token) {
            // What is asked is how long all take.
        }

        @Override
        public void onError(Throwable reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void onComplete() {
            // as above
        }
    }

    @Test
    void aHeadThatDoesNotPayIsNotReadAllTheSame() {
        double plain = milliseconds("none", 40, time(4, 0.05), 0);
        assertThat(milliseconds("eagle2", 40, time(4, 0.05), 0) / plain).isLessThan(1.03);
    }

    @Test
    void aGoodHeadIsNotGivenUpForWhatItsPromptsCost() {
        double plain = milliseconds("none", 60, time(0.3, 0.01), 0.8);
        assertThat(plain / milliseconds("eagle2", 60, time(0.3, 0.01), 0.8)).isGreaterThan(1.2);
    }
}
