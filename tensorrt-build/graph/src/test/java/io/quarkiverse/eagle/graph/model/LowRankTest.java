package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;

import org.junit.jupiter.api.Test;

class LowRankTest {

    private static final int ROWS = 700;
    private static final int COLUMNS = 40;

    private record Matrix(float[][] values) implements Rows {

        @Override
        public int count() {
            return values.length;
        }

        @Override
        public int columns() {
            return values[0].length;
        }

        @Override
        public void read(int first, int howMany, float[] into) {
            for (int i = 0; i < howMany; i++) {
                System.arraycopy(values[first + i], 0, into, i * columns(), columns());
            }
        }
    }

    private static double[] ones() {
        double[] weights = new double[ROWS];
        Arrays.fill(weights, 1);
        return weights;
    }

    private static float[][] random(int rows, int columns, long seed) {
        Random random = new Random(seed);
        float[][] values = new float[rows][columns];
        for (float[] row : values) {
            for (int i = 0; i < columns; i++) {
                row[i] = (float) random.nextGaussian();
            }
        }
        return values;
    }

    private static float[][] times(float[][] a, float[][] b) {
        float[][] product = new float[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int k = 0; k < b.length; k++) {
                for (int j = 0; j < b[0].length; j++) {
                    product[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return product;
    }

    private static float[][] values(Rows rows) {
        float[][] values = new float[rows.count()][rows.columns()];
        for (int i = 0; i < values.length; i++) {
            rows.read(i, 1, values[i]);
        }
        return values;
    }

    @Test
    void aMatrixOfThatRankIsItsProduct() {
        Matrix matrix = new Matrix(times(random(ROWS, 9, 1), random(9, COLUMNS, 2)));
        LowRank product = LowRank.of(matrix, 9, ones());
        float[][] restored = times(values(product.up()), values(product.down()));
        for (int i = 0; i < ROWS; i++) {
            assertThat(restored[i]).containsExactly(matrix.values()[i], within(1e-3f));
        }
    }

    @Test
    void keepsTheDirectionsThatHoldMost() {
        float[][] values = random(ROWS, COLUMNS, 3);
        for (float[] row : values) {
            for (int i = 0; i < COLUMNS; i++) {
                row[i] *= i < 8 ? 10 : 0.1f;
            }
        }
        float[][] down = values(LowRank.of(new Matrix(values), 8, ones()).down());
        for (int direction = 0; direction < 8; direction++) {
            double kept = 0;
            for (float[] row : down) {
                kept += row[direction] * row[direction];
            }
            assertThat(kept).as("direction %d", direction).isCloseTo(1, within(1e-3));
        }
    }

    @Test
    void rowsThatCountMoreAreKeptBetter() {
        float[][] values = random(ROWS, COLUMNS, 4);
        double[] weights = new double[ROWS];
        Arrays.fill(weights, 1e-4);
        Arrays.fill(weights, 0, 8, 1);
        LowRank product = LowRank.of(new Matrix(values), 8, weights);
        float[][] restored = times(values(product.up()), values(product.down()));
        for (int i = 0; i < 8; i++) {
            assertThat(restored[i]).as("row %d", i).containsExactly(values[i], within(0.1f));
        }
    }

    @Test
    void aMatrixOfLowerRankLeavesNoNonsense() {
        Matrix matrix = new Matrix(times(random(ROWS, 3, 5), random(3, COLUMNS, 6)));
        LowRank product = LowRank.of(matrix, 12, ones());
        float[][] restored = times(values(product.up()), values(product.down()));
        for (int i = 0; i < ROWS; i++) {
            assertThat(restored[i]).containsExactly(matrix.values()[i], within(1e-3f));
        }
    }

    @Test
    void refusesARankThatSavesNothing() {
        assertThatThrownBy(() -> LowRank.of(new Matrix(random(50, 16, 7)), 16, ones()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll("rank 16", "16 columns");
    }
}
