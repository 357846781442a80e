package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.bundle.BundleManifest;

class SpeculationEconomyTest {

    private static final int[] ROWS = { 2, 4, 8, 16, 32, 64 };
    /** A step costs the same whatever its rows, as on a GPU with few sequences. */
    private static final CostCurve FREE_ROWS = new CostCurve(ROWS, IntStream.of(ROWS).mapToDouble(rows -> 0.01).toArray());
    /** A step costs as much as its rows one by one, as where only arithmetic counts. */
    private static final CostCurve DEAR_ROWS = new CostCurve(ROWS,
            IntStream.of(ROWS).mapToDouble(rows -> 0.01 * rows).toArray());
    private static final CostCurve CHEAP_DRAFT = new CostCurve(ROWS, IntStream.of(ROWS).mapToDouble(rows -> 0.0005).toArray());

    /** Log-probabilities of candidates that are accepted with chances 0.7, 0.49, … */
    private static float[] likely(int count) {
        float[] ranked = new float[count];
        for (int i = 0; i < count; i++) {
            ranked[i] = (float) ((i + 1) * Math.log(0.7));
        }
        return ranked;
    }

    private static SpeculationEconomy economy(CostCurve target) {
        return new SpeculationEconomy(target, CHEAP_DRAFT, List.of());
    }

    @Test
    void verifiesEverythingWhereRowsAreFree() {
        SpeculationEconomy.Choice choice = economy(FREE_ROWS).choose(likely(40), 40, 1, 0.001);
        assertThat(choice.nodes()).isEqualTo(40);
        assertThat(choice.tokens()).isGreaterThan(3);
        assertThat(choice.rate()).isGreaterThan(1 / 0.01);
    }

    @Test
    void verifiesNothingWhereEveryRowCostsAsMuchAsAStep() {
        SpeculationEconomy.Choice choice = economy(DEAR_ROWS).choose(likely(40), 40, 4, 0.001);
        assertThat(choice.nodes()).isZero();
        assertThat(choice.tokens()).isEqualTo(1);
    }

    @Test
    void verifiesFewerNodesAsASequencesNeighboursFillTheStep() {
        CostCurve knee = new CostCurve(ROWS, new double[] { 0.01, 0.0105, 0.011, 0.014, 0.022, 0.04 });
        int alone = economy(knee).choose(likely(30), 30, 1, 0.001).nodes();
        int crowded = economy(knee).choose(likely(30), 30, 8, 0.001).nodes();
        assertThat(alone).isGreaterThan(crowded);
    }

    @Test
    void draftsAnotherLevelOnlyWhereItsTokensPayForItsStep() {
        SpeculationEconomy sure = economy(FREE_ROWS);
        float[] ranked = likely(3);
        SpeculationEconomy.Choice now = sure.choose(ranked, 3, 1, 0.001);
        float[] frontier = { (float) Math.log(0.5) };
        assertThat(sure.anotherLevelPays(now, ranked, 3, frontier, 1, 1, 0.001)).isTrue();
        float[] hopeless = { (float) Math.log(1e-6) };
        assertThat(sure.anotherLevelPays(now, ranked, 3, hopeless, 1, 1, 0.001)).isFalse();
    }

    @Test
    void promisesLessAfterTreesThatBroughtNothing() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        double before = economy.choose(likely(8), 8, 1, 0.001).tokens();
        for (int cycle = 0; cycle < 10; cycle++) {
            economy.learn(before, 1, 0.001, 8, 1);
        }
        assertThat(economy.choose(likely(8), 8, 1, 0.001).tokens()).isLessThan(before - 0.3);
    }

    @Test
    void pausesWhenDraftingDoesNotPayAndTriesAgain() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        int tries = 0;
        while (economy.draftsNow()) {
            economy.learn(2, 1, 0.005, 8, 1);
            tries++;
            assertThat(tries).isLessThan(100);
        }
        int pause = 1;
        while (!economy.draftsNow()) {
            pause++;
            assertThat(pause).isLessThan(1000);
        }
        assertThat(pause).isGreaterThan(tries);
    }

    @Test
    void keepsDraftingWhileItPays() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        for (int cycle = 0; cycle < 500; cycle++) {
            assertThat(economy.draftsNow()).isTrue();
            economy.learn(2.5, 2 + cycle % 2, 0.001, 8, 1);
        }
    }

    @Test
    void beginsWithPlainDecodingWhereTheHeadsOwnFiguresPromiseNoGain() {
        List<BundleManifest.Acceptance> weak = List.of(new BundleManifest.Acceptance(7, 1.5));
        assertThat(new SpeculationEconomy(DEAR_ROWS, CHEAP_DRAFT, weak).draftsNow()).isFalse();
        assertThat(new SpeculationEconomy(FREE_ROWS, CHEAP_DRAFT, weak).draftsNow()).isTrue();
    }
}
