package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * Seconds that a step of an engine takes by its number of rows, measured at some numbers and linear between them.
 *
 * @param rows measured numbers of rows, ascending
 * @param seconds the step's time at each
 */
public record CostCurve(int[] rows, double[] seconds) {

    public CostCurve {
        if (rows.length == 0 || rows.length != seconds.length) {
            throw new IllegalArgumentException(
                    "a cost curve needs as many times as row counts, at least one; got " + rows.length + " and "
                            + seconds.length);
        }
    }

    /** Estimated seconds of a step. */
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
