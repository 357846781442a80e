package io.quarkiverse.eagle.graph.model;

import java.util.Random;

/**
 * A matrix as a product of two thin ones: {@code W ≈ up · down}, where the rows of {@code down} span the subspace that holds
 * most of the rows' weighted squares. Found by subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm
 * 4.4), which reads the matrix a few rows at a time.
 *
 * @param down orthonormal rows, {@code [rank, columns]}
 * @param up {@code [rows, rank]}
 */
record LowRank(Rows down, Rows up) {

    private static final long SEED = 0x10A;
    private static final int PASSES = 6;
    private static final int BLOCK = 256;

    /**
     * Factorises a matrix.
     *
     * @param weights what each row counts
     */
    static LowRank of(Rows matrix, int rank, double[] weights) {
        int columns = matrix.columns();
        if (rank >= columns) {
            throw new IllegalArgumentException("rank " + rank + " is not less than the matrix' " + columns + " columns");
        }
        float[][] basis = new float[columns][rank];
        Random random = new Random(SEED);
        for (float[] row : basis) {
            for (int j = 0; j < rank; j++) {
                row[j] = (float) random.nextGaussian();
            }
        }
        orthonormalise(basis, rank);
        for (int pass = 0; pass < PASSES; pass++) {
            basis = image(matrix, weights, basis, rank);
            orthonormalise(basis, rank);
        }
        return new LowRank(new Transposed(basis, rank), new Product(matrix, basis, rank));
    }

    /** {@code Wᵀ diag(weights) W basis}. */
    private static float[][] image(Rows matrix, double[] weights, float[][] basis, int rank) {
        int columns = matrix.columns();
        float[][] image = new float[columns][rank];
        float[] rows = new float[BLOCK * columns];
        float[] projected = new float[rank];
        for (int first = 0; first < matrix.count(); first += BLOCK) {
            int count = Math.min(BLOCK, matrix.count() - first);
            matrix.read(first, count, rows);
            for (int i = 0; i < count; i++) {
                project(rows, i * columns, basis, projected);
                float weight = (float) weights[first + i];
                for (int k = 0; k < columns; k++) {
                    addTo(image[k], weight * rows[i * columns + k], projected);
                }
            }
        }
        return image;
    }

    private static void project(float[] rows, int offset, float[][] basis, float[] into) {
        java.util.Arrays.fill(into, 0);
        for (int k = 0; k < basis.length; k++) {
            addTo(into, rows[offset + k], basis[k]);
        }
    }

    private static void addTo(float[] sum, float factor, float[] values) {
        for (int j = 0; j < sum.length; j++) {
            sum[j] += factor * values[j];
        }
    }

    /** Gram-Schmidt over the columns, twice, which is enough for float32. */
    private static void orthonormalise(float[][] basis, int rank) {
        for (int j = 0; j < rank; j++) {
            for (int round = 0; round < 2; round++) {
                for (int other = 0; other < j; other++) {
                    double dot = 0;
                    for (float[] row : basis) {
                        dot += (double) row[j] * row[other];
                    }
                    for (float[] row : basis) {
                        row[j] -= (float) dot * row[other];
                    }
                }
                double squares = 0;
                for (float[] row : basis) {
                    squares += (double) row[j] * row[j];
                }
                // A matrix of lower rank leaves nothing in this direction.
                float inverse = squares < 1e-30 ? 0 : (float) (1 / Math.sqrt(squares));
                for (float[] row : basis) {
                    row[j] *= inverse;
                }
            }
        }
    }

    private record Transposed(float[][] basis, int count) implements Rows {

        @Override
        public int columns() {
            return basis.length;
        }

        @Override
        public void read(int first, int howMany, float[] into) {
            for (int i = 0; i < howMany; i++) {
                for (int k = 0; k < basis.length; k++) {
                    into[i * basis.length + k] = basis[k][first + i];
                }
            }
        }
    }

    private record Product(Rows matrix, float[][] basis, int columns) implements Rows {

        @Override
        public int count() {
            return matrix.count();
        }

        @Override
        public void read(int first, int howMany, float[] into) {
            float[] row = new float[basis.length];
            float[] projected = new float[columns];
            for (int i = 0; i < howMany; i++) {
                matrix.read(first + i, 1, row);
                project(row, 0, basis, projected);
                System.arraycopy(projected, 0, into, i * columns, columns);
            }
        }
    }
}
