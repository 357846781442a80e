package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class CostCurveTest {

    private static final CostCurve CURVE = new CostCurve(new int[] { 2, 4, 8 }, new double[] { 1, 3, 4 });

    @Test
    void isExactWhereItWasMeasured() {
        assertThat(CURVE.at(2)).isEqualTo(1);
        assertThat(CURVE.at(8)).isEqualTo(4);
    }

    @Test
    void isLinearBetweenAndBeyond() {
        assertThat(CURVE.at(3)).isCloseTo(2, within(1e-9));
        assertThat(CURVE.at(6)).isCloseTo(3.5, within(1e-9));
        assertThat(CURVE.at(16)).isCloseTo(6, within(1e-9));
    }

    @Test
    void neverFallsBelowTheSmallestStep() {
        assertThat(CURVE.at(1)).isEqualTo(1);
    }

    @Test
    void growsInProportionFromASingleMeasurement() {
        CostCurve single = new CostCurve(new int[] { 4 }, new double[] { 2 });
        assertThat(single.at(8)).isCloseTo(4, within(1e-9));
        assertThat(single.at(1)).isEqualTo(2);
    }

    @Test
    void needsATimeForEveryCount() {
        assertThatThrownBy(() -> new CostCurve(new int[0], new double[0])).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new CostCurve(new int[2], new double[1])).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 and 1");
    }
}
