package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.toy.AgreeingDraft;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.toy.VirtualClock;

/** How prompts and decoding share the engine, on a clock on which a cycle takes 50 ms and a chunk of a prompt 10 ms. */
class PromptReadingTest {

    private static final long MILLI = 1_000_000;
    private static final GenerationOptions PLAIN = GenerationOptions.defaults().withDrafter("none");
    private static final CostCurve COSTS = new CostCurve(new int[] { 2, 64 }, new double[] { 0.05, 0.05 });

    private final VirtualClock clock = new VirtualClock();
    private final ToyLanguage language = ToyLanguage.endless();
    private final ToyTarget target = new ToyTarget(language, 8, 400, 64, 6, true);
    private final SimulatedModel model = new SimulatedModel(clock, language,
            new EnginePair(target, new AgreeingDraft(language, 8, 400, 64, 6, 0.5)), COSTS, COSTS, List.of(),
            new ModelOptions(null, null, 8, Runnable::run));

    PromptReadingTest() {
        target.takesTime(clock, request -> request.rows() > 16 ? 10 * MILLI : 50 * MILLI);
    }

    /** When tokens came. */
    private final class Arrivals extends EagerReader {
        private final List<Long> times = new ArrayList<>();

        @Override
        public void onNext(GeneratedToken token) {
            times.add(clock.now());
        }
    }

    private Arrivals ask(int promptLength, int tokens) {
        Arrivals arrivals = new Arrivals();
        model.stream(ToyModel.prompt(promptLength, promptLength), PLAIN.withMaxTokens(tokens), null, arrivals);
        return arrivals;
    }

    @Test
    void shortPromptsDoNotWaitForACycleEachAndNobodyWaitsLongerThanTwoCyclesAndAChunk() {
        Arrivals decoding = ask(5, 40);
        model.turn();
        model.turn();
        long asked = clock.now();
        List<Arrivals> newcomers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            newcomers.add(ask(40 + i, 10));
        }
        while (model.turn()) {
            // until all are served
        }
        assertThat(newcomers).allSatisfy(
                newcomer -> assertThat(newcomer.times.get(0) - asked).isLessThanOrEqualTo(50 * MILLI));
        assertThat(decoding.times).hasSize(40);
        for (int i = 1; i < decoding.times.size(); i++) {
            assertThat(decoding.times.get(i) - decoding.times.get(i - 1)).isLessThanOrEqualTo(110 * MILLI);
        }
        model.close();
    }

    @Test
    void aLongPromptIsReadBesideDecoding() {
        Arrivals decoding = ask(5, 40);
        model.turn();
        model.turn();
        Arrivals newcomer = ask(390, 2);
        while (model.turn()) {
            // until both are served
        }
        assertThat(newcomer.times).hasSize(2);
        for (int i = 1; i < decoding.times.size(); i++) {
            assertThat(decoding.times.get(i) - decoding.times.get(i - 1)).isLessThanOrEqualTo(110 * MILLI);
        }
        model.close();
    }
}
