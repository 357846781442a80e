package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class StepCostsTest {

    private static final int[] ROWS = { 2, 4, 8, 16, 32 };
    private static final CostCurve BASE = new CostCurve(ROWS, new double[] { 0.010, 0.011, 0.013, 0.018, 0.030 }, 200, 0.0005);

    private final StepCosts costs = new StepCosts(BASE);

    StepCostsTest() {
        costs.context(200);
    }

    private static long nanos(double seconds) {
        return (long) (seconds * 1e9);
    }

    @Test
    void beginsWithTheMeasuredCurve() {
        assertThat(costs.at(8)).isCloseTo(0.013, within(1e-12));
        assertThat(costs.curve().seconds()).containsExactly(BASE.seconds());
    }

    @Test
    void costsMoreInALongerContext() {
        costs.context(1200);
        assertThat(costs.at(8)).isCloseTo(0.013 * 1.5, within(1e-9));
        costs.took(8, nanos(0.013 * 1.5));
        assertThat(costs.curve().at(8)).isCloseTo(0.013, within(1e-6));
    }

    @Test
    void followsAMachineThatBecameSlower() {
        for (int step = 0; step < 200; step++) {
            costs.took(8, nanos(0.026));
        }
        assertThat(costs.at(8)).isCloseTo(0.026, Percentage.withPercentage(5));
        assertThat(costs.at(2)).as("sizes that did not run follow").isGreaterThan(0.012);
    }

    @Test
    void learnsWhereOneSizeAloneIsDearer() {
        for (int step = 0; step < 400; step++) {
            costs.took(2, nanos(0.010));
            costs.took(16, nanos(0.027));
        }
        assertThat(costs.at(2)).isCloseTo(0.010, Percentage.withPercentage(8));
        assertThat(costs.at(16)).isCloseTo(0.027, Percentage.withPercentage(8));
    }

    @Test
    void stepsOfOneRequestTeachAllSizesAlike() {
        for (int request = 0; request < 200; request++) {
            costs.tookTogether(costs.at(2) + costs.at(8), nanos(0.5 * (0.010 + 0.013)));
        }
        assertThat(costs.at(2)).isCloseTo(0.005, Percentage.withPercentage(3));
        assertThat(costs.at(8)).isCloseTo(0.0065, Percentage.withPercentage(3));
    }

    @Test
    void aStalledStepMovesLittle() {
        costs.took(8, nanos(3));
        assertThat(costs.at(8)).isLessThan(0.0135);
        assertThat(costs.latest(8)).as("what the stalled step itself counts").isLessThan(0.018);
    }

    @Test
    void learnsTheCostsOfStepsFarBeyondTheMeasuredOnesFromTheFirst() {
        costs.took(2_000, nanos(0.5));
        assertThat(costs.at(2_000)).isCloseTo(0.5, within(1e-9));
        costs.took(500, nanos(0.1));
        assertThat(costs.at(500)).isCloseTo(0.1, within(1e-9));
        assertThat(costs.at(32)).as("what was measured stays").isCloseTo(0.030, within(1e-9));
        assertThat(costs.curve().rows()).containsExactly(2, 4, 8, 16, 32, 500, 2_000);
    }

    @Test
    void aStalledFirstStepOfASizeIsCorrectedByTheNext() {
        costs.took(500, nanos(5));
        costs.took(520, nanos(0.1));
        assertThat(costs.at(500)).isCloseTo(0.1, Percentage.withPercentage(5));
        assertThat(costs.at(32)).isLessThan(0.031);
    }

    @Property(tries = 200, seed = "20240630", edgeCases = EdgeCasesMode.NONE)
    void moreRowsNeverCostLessWhateverTheStepsTook(@ForAll long seed) {
        Random random = new Random(seed);
        StepCosts any = new StepCosts(BASE);
        for (int step = 0; step < 300; step++) {
            any.took(1 + random.nextInt(64), nanos(0.001 + 0.1 * random.nextDouble()));
        }
        for (int rows = 2; rows < 80; rows++) {
            assertThat(any.at(rows)).isGreaterThanOrEqualTo(any.at(rows - 1));
        }
    }
}
