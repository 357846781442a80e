package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.function.DoubleUnaryOperator;

import org.junit.jupiter.api.Test;

import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;

class ValueCalibrationTest {

    /** Nodes of random values that are accepted with the chance that the target gives to their value. */
    private static void see(ValueCalibration calibration, Random random, int nodes, DoubleUnaryOperator chance) {
        for (int i = 0; i < nodes; i++) {
            double value = random.nextDouble();
            calibration.saw((float) Math.log(value), random.nextDouble() < chance.applyAsDouble(value));
        }
    }

    private static double chance(ValueCalibration calibration, double value) {
        float log = (float) Math.log(value);
        return Math.min(1, value * calibration.correction(log, 1));
    }

    @Property(tries = 60, seed = "20240701", edgeCases = EdgeCasesMode.NONE)
    void convergesToTheFrequencyOfAcceptance(@ForAll @DoubleRange(min = 0.5, max = 3) double power, @ForAll long seed) {
        ValueCalibration calibration = new ValueCalibration();
        see(calibration, new Random(seed), 8000, value -> Math.pow(value, power));
        for (double value : new double[] { 0.9, 0.6, 0.4, 0.2 }) {
            assertThat(chance(calibration, value)).as("of value " + value).isCloseTo(Math.pow(value, power), within(0.13));
        }
    }

    @Test
    void tellsOverconfidentHighValuesFromHonestLowOnes() {
        ValueCalibration calibration = new ValueCalibration();
        see(calibration, new Random(1), 8000, value -> value > 0.5 ? value / 2 : value);
        assertThat(chance(calibration, 0.9)).isCloseTo(0.45, within(0.1));
        assertThat(chance(calibration, 0.2)).isCloseTo(0.2, within(0.06));
    }

    @Test
    void followsATextThatBecomesHopeless() {
        ValueCalibration calibration = new ValueCalibration();
        see(calibration, new Random(2), 5000, value -> value);
        see(calibration, new Random(3), 5000, value -> 0);
        assertThat(chance(calibration, 0.8)).isLessThan(0.1);
    }

    @Test
    void takesTheSharedCorrectionWhereNothingWasSeen() {
        assertThat(new ValueCalibration().correction(-1, 0.7)).isCloseTo(0.7, within(1e-12));
    }
}
