package io.quarkiverse.eagle.graph.checkpoint;

/**
 * How tools for 4-bit weights pack eight levels of 0 to 15 into a 32-bit integer. AutoAWQ and AutoGPTQ keep matrices by input
 * channels: levels {@code [columns, rows]}, zero points and scales {@code [groups, rows]}.
 */
enum Int4Packing {

    /** AutoAWQ's GEMM form: eight neighbouring output channels, even ones first. */
    AWQ {
        @Override
        long[] packedShape(int rows, int columns) {
            return new long[] { columns, rows / LEVELS };
        }

        @Override
        int level(int[] packed, int rows, int row, int column) {
            return packed[column * (rows / LEVELS) + row / LEVELS] >>> 4 * AWQ_PLACES[row % LEVELS] & 15;
        }

        @Override
        int zeroPoint(int[] packed, int rows, int row, int group) {
            return level(packed, rows, row, group);
        }
    },

    /** AutoGPTQ's first form: eight neighbouring input channels, zero points lowered by one. */
    GPTQ {
        @Override
        long[] packedShape(int rows, int columns) {
            return new long[] { columns / LEVELS, rows };
        }

        @Override
        int level(int[] packed, int rows, int row, int column) {
            return packed[column / LEVELS * rows + row] >>> 4 * (column % LEVELS) & 15;
        }

        @Override
        int zeroPoint(int[] packed, int rows, int row, int group) {
            int stored = GPTQ_V2.zeroPoint(packed, rows, row, group);
            if (stored == 15) {
                throw new CheckpointException("a zero point of GPTQ's first form is stored as 15, which tools read as 0 or as"
                        + " 16; save the checkpoint in the form gptq_v2");
            }
            return stored + 1;
        }
    },

    /** GPTQModel's second form: zero points as they are. */
    GPTQ_V2 {
        @Override
        long[] packedShape(int rows, int columns) {
            return GPTQ.packedShape(rows, columns);
        }

        @Override
        int level(int[] packed, int rows, int row, int column) {
            return GPTQ.level(packed, rows, row, column);
        }

        @Override
        int zeroPoint(int[] packed, int rows, int row, int group) {
            return packed[group * (rows / LEVELS) + row / LEVELS] >>> 4 * (row % LEVELS) & 15;
        }
    },

    /** compressed-tensors' symmetric form: eight neighbouring input channels of an output channel, levels raised by 8. */
    COMPRESSED {
        @Override
        long[] packedShape(int rows, int columns) {
            return new long[] { rows, columns / LEVELS };
        }

        @Override
        int level(int[] packed, int rows, int row, int column) {
            return packed[row * (packed.length / rows) + column / LEVELS] >>> 4 * (column % LEVELS) & 15;
        }

        @Override
        int zeroPoint(int[] packed, int rows, int row, int group) {
            return LEVELS;
        }
    };

    /** Levels in an integer. */
    static final int LEVELS = 8;

    private static final int[] AWQ_PLACES = { 0, 4, 1, 5, 2, 6, 3, 7 };

    /** The name of the packed levels behind their module's. */
    String levels() {
        return this == COMPRESSED ? ".weight_packed" : ".qweight";
    }

    /** The name of the scales: by groups, in compressed-tensors' form by output channels. */
    String scales() {
        return this == COMPRESSED ? ".weight_scale" : ".scales";
    }

    /** The name of the packed zero points, null where there are none. */
    String zeroPoints() {
        return this == COMPRESSED ? null : ".qzeros";
    }

    /** The name of the groups that input channels are in, where the tool writes it. */
    String groups() {
        return this == COMPRESSED ? ".weight_g_idx" : ".g_idx";
    }

    /** The shape of the packed levels. */
    abstract long[] packedShape(int rows, int columns);

    abstract int level(int[] packed, int rows, int row, int column);

    abstract int zeroPoint(int[] packed, int rows, int row, int group);
}
