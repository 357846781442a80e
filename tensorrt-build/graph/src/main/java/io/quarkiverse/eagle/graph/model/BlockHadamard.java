package io.quarkiverse.eagle.graph.model;

import java.util.SplittableRandom;

/**
 * An orthogonal change of basis of the residual stream: random signs, then a Walsh-Hadamard transform of each block. It spreads
 * the few large channels of a decoder over their block, so that 8-bit rows keep their resolution (as in QuaRot, arXiv
 * 2404.00456), and it costs nothing at run time because weights absorb it.
 */
final class BlockHadamard {

    private static final int LARGEST_BLOCK = 1024;
    private static final long SEED = 0x5EED;

    private final int width;
    private final int block;
    private final float[] signs;

    BlockHadamard(int width) {
        this.width = width;
        this.block = Math.min(LARGEST_BLOCK, Integer.lowestOneBit(width));
        this.signs = new float[width];
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < width; i++) {
            signs[i] = random.nextBoolean() ? 1 : -1;
        }
    }

    int block() {
        return block;
    }

    /** The sign of a channel. */
    float sign(int channel) {
        return signs[channel];
    }

    /** The block's matrix, {@code [block, block]} row-major; symmetric and its own inverse. */
    float[] matrix() {
        float[] matrix = new float[block * block];
        float scale = (float) (1 / Math.sqrt(block));
        for (int i = 0; i < block; i++) {
            for (int j = 0; j < block; j++) {
                matrix[i * block + j] = Integer.bitCount(i & j) % 2 == 0 ? scale : -scale;
            }
        }
        return matrix;
    }

    /** Changes the basis of a row of {@code width} values: {@code x Q}. */
    void rotateRow(float[] values, int offset) {
        for (int i = 0; i < width; i++) {
            values[offset + i] *= signs[i];
        }
        for (int start = 0; start < width; start += block) {
            transform(values, offset + start, 1, 1);
        }
    }

    /**
     * Changes the basis of the rows of a matrix: {@code Qᵀ W}, for the rows of one block.
     *
     * @param values {@code [block, columns]} row-major
     * @param firstRow number of the block's first row
     */
    void rotateRows(float[] values, int firstRow, int columns) {
        for (int i = 0; i < block; i++) {
            for (int k = 0; k < columns; k++) {
                values[i * columns + k] *= signs[firstRow + i];
            }
        }
        transform(values, 0, columns, columns);
    }

    /** Fast Walsh-Hadamard transform over {@code block} runs of {@code run} values, {@code stride} apart. */
    private void transform(float[] values, int offset, int stride, int run) {
        for (int half = 1; half < block; half *= 2) {
            for (int pair = 0; pair < block; pair += 2 * half) {
                for (int i = pair; i < pair + half; i++) {
                    int a = offset + i * stride;
                    int b = a + half * stride;
                    for (int k = 0; k < run; k++) {
                        float sum = values[a + k] + values[b + k];
                        values[b + k] = values[a + k] - values[b + k];
                        values[a + k] = sum;
                    }
                }
            }
        }
        float scale = (float) (1 / Math.sqrt(block));
        for (int i = 0; i < block; i++) {
            for (int k = 0; k < run; k++) {
                values[offset + i * stride + k] *= scale;
            }
        }
    }
}
