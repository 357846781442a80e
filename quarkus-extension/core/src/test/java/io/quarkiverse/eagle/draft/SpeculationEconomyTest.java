package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
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
        SpeculationEconomy economy = economy(FREE_ROWS);
        assertThat(economy.choose(likely(40), 40, 1, 0.001)).isEqualTo(40);
        assertThat(economy.promised(likely(40), 40)).isGreaterThan(3);
    }

    @Test
    void verifiesNothingWhereEveryRowCostsAsMuchAsAStep() {
        SpeculationEconomy economy = economy(DEAR_ROWS);
        assertThat(economy.choose(likely(40), 40, 4, 0.001)).isZero();
        assertThat(economy.promised(likely(40), 0)).isEqualTo(1);
    }

    @Test
    void verifiesFewerNodesAsASequencesNeighboursFillTheStep() {
        CostCurve knee = new CostCurve(ROWS, new double[] { 0.01, 0.0105, 0.011, 0.014, 0.022, 0.04 });
        int alone = economy(knee).choose(likely(30), 30, 1, 0.001);
        int crowded = economy(knee).choose(likely(30), 30, 8, 0.001);
        assertThat(alone).isGreaterThan(crowded);
    }

    @Test
    void draftsAnotherLevelOnlyWhereItsTokensPayForItsStep() {
        SpeculationEconomy sure = economy(FREE_ROWS);
        float[] ranked = likely(3);
        float[] frontier = { (float) Math.log(0.5) };
        assertThat(sure.anotherLevelPays(ranked, 3, frontier, 1, 1, 0.001)).isTrue();
        float[] hopeless = { (float) Math.log(1e-6) };
        assertThat(sure.anotherLevelPays(ranked, 3, hopeless, 1, 1, 0.001)).isFalse();
    }

    @Test
    void promisesLessAfterTreesThatBroughtNothing() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        double before = economy.promised(likely(8), 8);
        for (int cycle = 0; cycle < 10; cycle++) {
            economy.learn(before, 1, 0.001, 8, 1);
        }
        assertThat(economy.promised(likely(8), 8)).isLessThan(before - 0.3);
    }

    @Test
    void pausesWhenDraftingDoesNotPayAndTriesAgain() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        int tries = 0;
        while (economy.draftsNow(1)) {
            economy.learn(2, 1, 0.005, 8, 1);
            tries++;
            assertThat(tries).isLessThan(100);
        }
        int pause = 1;
        while (!economy.draftsNow(1)) {
            pause++;
            assertThat(pause).isLessThan(1000);
        }
        assertThat(pause).isGreaterThan(tries);
    }

    @Test
    void doesNotDraftForManyWhenThatDidNotPayAndStillDraftsForOne() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        for (int step = 0; step < 4; step++) {
            for (int sequence = 0; sequence < 4; sequence++) {
                economy.learn(2, 1, 0.005, 8, 4);
            }
        }
        assertThat(economy.draftsNow(4)).isFalse();
        assertThat(economy.draftsNow(3)).isFalse();
        assertThat(economy.draftsNow(1)).isTrue();
        assertThat(economy.draftsNow(8)).isTrue();
    }

    @Test
    void pausesLongerForWhatWasReadInVain() {
        assertThat(pauseAfterReading(0.05)).isGreaterThan(2 * pauseAfterReading(0));
    }

    private static int pauseAfterReading(double seconds) {
        SpeculationEconomy economy = economy(FREE_ROWS);
        economy.paysOff(seconds);
        while (economy.draftsNow(1)) {
            economy.learn(2, 1, 0.001, 8, 1);
        }
        int pause = 1;
        while (!economy.draftsNow(1)) {
            pause++;
        }
        return pause;
    }

    @Test
    void doesNotBlameDraftingForAMachineThatIsDisturbed() {
        StepCosts costs = new StepCosts(FREE_ROWS);
        SpeculationEconomy economy = new SpeculationEconomy(costs, new StepCosts(CHEAP_DRAFT), List.of());
        for (int step = 0; step < 12; step++) {
            assertThat(economy.draftsNow(2)).isTrue();
            costs.took(4, 14_000_000);
            economy.learn(1.4, 1 + step % 2, 0.0005, 1, 2);
            economy.learn(1.4, 1, 0.0005, 1, 2);
        }
    }

    @Test
    void countsWhatSequencesWithoutATreePayForThoseThatHaveOne() {
        SpeculationEconomy economy = economy(DEAR_ROWS);
        StepShare share = new StepShare();
        share.chose(1.9, 0.0005);
        share.complete(4, 1, 1);
        int cycles = 0;
        // The one that has a tree gets two tokens each time, which is less than what the others' rows cost.
        while (economy.draftsNow(4)) {
            economy.learn(share, 1, 2);
            assertThat(++cycles).isLessThan(20);
        }
    }

    @Test
    void theLargestTreeOfAStepIsPaidByAll() {
        assertThat(cyclesUntilPaused(8)).isLessThan(10);
        assertThat(cyclesUntilPaused(0)).isEqualTo(50);
    }

    /** Of two sequences one gets one token more in every cycle. */
    private static int cyclesUntilPaused(int largest) {
        SpeculationEconomy economy = economy(new CostCurve(ROWS, new double[] { 0.01, 0.012, 0.016, 0.024, 0.04, 0.07 }));
        StepShare share = new StepShare();
        share.chose(1.5, 0.0005);
        share.complete(2, 2, largest);
        int cycles = 0;
        while (cycles < 50 && economy.draftsNow(2)) {
            economy.learn(share, 0, 2);
            economy.learn(share, 0, 1);
            cycles++;
        }
        return cycles;
    }

    @Test
    void keepsDraftingWhileItPays() {
        SpeculationEconomy economy = economy(FREE_ROWS);
        for (int cycle = 0; cycle < 500; cycle++) {
            assertThat(economy.draftsNow(1)).isTrue();
            economy.learn(2.5, 2 + cycle % 2, 0.001, 8, 1);
        }
    }

    @Test
    void beginsWithPlainDecodingWhereTheHeadsOwnFiguresPromiseNoGain() {
        List<BundleManifest.Acceptance> weak = List.of(new BundleManifest.Acceptance(7, 1.5));
        assertThat(new SpeculationEconomy(DEAR_ROWS, CHEAP_DRAFT, weak).draftsNow(1)).isFalse();
        assertThat(new SpeculationEconomy(FREE_ROWS, CHEAP_DRAFT, weak).draftsNow(1)).isTrue();
    }

    @Test
    void verifiesFewNodesWithoutMatrixInstructionsAndManyWithThem() {
        float[] good = bestOfATree(0.62, 0.2, 0.08);
        int avx2 = economy(new CostCurve(ROWS, new double[] { 8.3e-3, 9.1e-3, 14.7e-3, 23.8e-3, 43.6e-3, 73.1e-3 }))
                .choose(good, good.length, 1, 0.003);
        int amx = economy(new CostCurve(ROWS, new double[] { 7.0e-3, 7.1e-3, 7.7e-3, 8.8e-3, 12.4e-3, 20e-3 }))
                .choose(good, good.length, 1, 0.003);
        assertThat(avx2).isBetween(3, 8);
        assertThat(amx).isGreaterThanOrEqualTo(15);
    }

    /** The values of the best nodes of a tree whose nodes all have children of these chances. */
    private static float[] bestOfATree(double... children) {
        PriorityQueue<Double> open = new PriorityQueue<>(Comparator.reverseOrder());
        open.add(1.0);
        float[] ranked = new float[SpeculationEconomy.MOST_CANDIDATES];
        for (int i = -1; i < ranked.length; i++) {
            double value = open.remove();
            for (double child : children) {
                open.add(value * child);
            }
            if (i >= 0) {
                ranked[i] = (float) Math.log(value);
            }
        }
        return ranked;
    }
}
