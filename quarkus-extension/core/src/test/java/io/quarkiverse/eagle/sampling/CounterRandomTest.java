package io.quarkiverse.eagle.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

import org.apache.commons.math3.stat.correlation.PearsonsCorrelation;
import org.apache.commons.math3.stat.inference.ChiSquareTest;
import org.junit.jupiter.api.Test;

class CounterRandomTest {

    private static final int DRAWS = 100_000;

    @Test
    void neverChangesItsNumbers() {
        assertThat(CounterRandom.u(0, 0)).isEqualTo(0.6462920382136158);
        assertThat(CounterRandom.u(0, 1)).isEqualTo(0.01823264258063806);
        assertThat(CounterRandom.u(42, 17)).isEqualTo(0.6267275959141603);
        assertThat(CounterRandom.u(-1, 1L << 40)).isEqualTo(0.7186739409705717);
        assertThat(CounterRandom.u(Long.MIN_VALUE, Long.MAX_VALUE)).isEqualTo(0.45450468326999593);
    }

    @Test
    void fillsTheUnitIntervalEvenlyOverPositionsAndOverSeeds() {
        assertEven(i -> CounterRandom.u(7, i));
        assertEven(i -> CounterRandom.u(i, 7));
        assertEven(i -> CounterRandom.u((long) i << 32, 7));
        assertEven(i -> CounterRandom.u(i % 316, i / 316));
    }

    @Test
    void fillsTheLowBitsEvenlyToo() {
        assertEven(i -> CounterRandom.u(7, i) * 0x1.0p33 % 1);
    }

    @Test
    void fillsTheUnitSquareEvenlyWithNeighbouringPositionsAndSeeds() {
        assertEvenPairs(i -> CounterRandom.u(7, i), i -> CounterRandom.u(7, i + 1));
        assertEvenPairs(i -> CounterRandom.u(i, 7), i -> CounterRandom.u(i + 1, 7));
        assertEvenPairs(i -> CounterRandom.u(i, 7), i -> CounterRandom.u(i, 8));
        assertEvenPairs(i -> CounterRandom.u(i, i), i -> CounterRandom.u(i + 1, i + 1));
    }

    @Test
    void doesNotCorrelateWithItsNeighbours() {
        for (int lag : new int[] { 1, 2, 3, 64 }) {
            assertUncorrelated(i -> CounterRandom.u(3, i), i -> CounterRandom.u(3, i + lag));
            assertUncorrelated(i -> CounterRandom.u(i, 3), i -> CounterRandom.u(i + lag, 3));
        }
    }

    @Test
    void givesASeedFurtherStreamsThatHaveNothingToDoWithItsOwn() {
        for (int stream : new int[] { 1, 2 }) {
            assertEven(i -> CounterRandom.u(CounterRandom.stream(7, stream), i));
            assertEven(i -> CounterRandom.u(CounterRandom.stream(i, stream), 7));
            assertUncorrelated(i -> CounterRandom.u(3, i), i -> CounterRandom.u(CounterRandom.stream(3, stream), i));
            assertUncorrelated(i -> CounterRandom.u(i, 3), i -> CounterRandom.u(CounterRandom.stream(i, stream), 3));
        }
        assertUncorrelated(i -> CounterRandom.u(CounterRandom.stream(3, 1), i),
                i -> CounterRandom.u(CounterRandom.stream(3, 2), i));
    }

    @Test
    void givesEverySeedASequenceOfItsOwnAndNotAShiftedOne() {
        double[] one = numbers(i -> CounterRandom.u(1, i), 2000);
        double[] two = numbers(i -> CounterRandom.u(2, i), 2000);
        Arrays.sort(two);
        assertThat(Arrays.stream(one)).noneMatch(u -> Arrays.binarySearch(two, u) >= 0);
    }

    private static void assertEven(IntToDoubleFunction u) {
        long[] counts = new long[1000];
        for (int i = 0; i < DRAWS; i++) {
            counts[(int) (u.applyAsDouble(i) * counts.length)]++;
        }
        assertThat(chiSquare(counts)).isBetween(0.001, 0.999);
    }

    private static void assertEvenPairs(IntToDoubleFunction x, IntToDoubleFunction y) {
        long[] counts = new long[32 * 32];
        for (int i = 0; i < DRAWS; i++) {
            counts[(int) (x.applyAsDouble(i) * 32) * 32 + (int) (y.applyAsDouble(i) * 32)]++;
        }
        assertThat(chiSquare(counts)).isBetween(0.001, 0.999);
    }

    private static void assertUncorrelated(IntToDoubleFunction x, IntToDoubleFunction y) {
        double correlation = new PearsonsCorrelation().correlation(numbers(x, DRAWS), numbers(y, DRAWS));
        assertThat(correlation).isBetween(-4 / Math.sqrt(DRAWS), 4 / Math.sqrt(DRAWS));
    }

    private static double[] numbers(IntToDoubleFunction u, int count) {
        double[] numbers = new double[count];
        Arrays.setAll(numbers, u);
        return numbers;
    }

    private static double chiSquare(long[] counts) {
        double[] expected = new double[counts.length];
        Arrays.fill(expected, (double) DRAWS / counts.length);
        return new ChiSquareTest().chiSquareTest(expected, counts);
    }
}
