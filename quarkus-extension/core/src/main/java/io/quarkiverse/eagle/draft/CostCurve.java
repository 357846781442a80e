package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * Seconds that a step of an engine takes by its number of rows, measured at some numbers and linear between them.
 *
 * @param rows measured numbers of rows, ascending
 * @param seconds the step's time at each
 * @param context final rows that the measured steps saw
 * @param growth share of its time that a step gets slower per further row of context
 */
public record CostCurve(int[] rows, double[] seconds, int context, double growth) {

    /** A step never counts less than this share of its measured time, however short the context. */
    private static final double LEAST_GROWTH = 0.5;

    public CostCurve {
        if (rows.length == 0 || rows.length != seconds.length) {
            throw new IllegalArgumentException(
                    "a cost curve needs as many times as row counts, at least one; got " + rows.length + " and "
                            + seconds.length);
        }
    }

    /** Costs that do not depend on the context. */
    public CostCurve(int[] rows, double[] seconds) {
        this(rows, seconds, 0, 0);
    }

    /** How many times its measured time a step takes that sees so many final rows. */
    double growthAt(int length) {
        return Math.max(LEAST_GROWTH, 1 + growth * (length - context));
    }

    /** Estimated seconds of a step in the measured context. */
    public double at(int count) {
        int place = Arrays.binarySearch(rows, count);
        if (place >= 0) {
            return seconds[place];
        }
        int above = -place - 1;
        if (above == 0) {
            return seconds[0];
        }
        if (above == rows.length) {
            if (rows.length == 1) {
                return seconds[0] * count / rows[0];
            }
            above--;
        }
        double share = (count - rows[above - 1]) / (double) (rows[above] - rows[above - 1]);
        return seconds[above - 1] + share * (seconds[above] - seconds[above - 1]);
    }
}
