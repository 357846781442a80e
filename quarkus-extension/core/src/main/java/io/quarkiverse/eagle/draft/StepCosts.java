package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * What an engine's steps cost now: a measured {@link CostCurve}, corrected by the times of live steps. Every measured size has
 * a
 * correction of its own; a step corrects the sizes next to its own number of rows most, and the others half as much, for a
 * machine that became slower became so for all. A sample counts no more than {@value #MOST_SURPRISE} in the logarithm, so a
 * stalled step moves little, and a lasting change is followed within some dozens of steps. Belongs to the decode loop's thread,
 * allocates nothing per step.
 */
public final class StepCosts {

    /** How much one more step counts. */
    private static final double RATE = 0.05;
    /** Most that a sample may differ from the estimate, as a logarithm of their ratio. */
    private static final double MOST_SURPRISE = 0.25;
    /** Share of a correction that sizes far from the step's get. */
    private static final double COMMON = 0.5;
    private static final int TABULATED_ROWS = 1024;

    private final CostCurve base;
    /** Correction of each of the curve's sizes, a logarithm. */
    private final double[] correction;
    /** Corrected seconds of each of the curve's sizes, never falling, in the curve's context; {@link #uncut} may fall. */
    private final double[] seconds;
    private final CostCurve corrected;
    private final double[] uncut;
    /** Estimates by number of rows, each valid while its stamp is the number of corrections. */
    private final double[] table = new double[TABULATED_ROWS];
    private final int[] stamps = new int[TABULATED_ROWS];
    private int corrections = 1;
    private double growth = 1;
    private double latest;
    private long nanos;

    public StepCosts(CostCurve base) {
        this.base = base;
        this.correction = new double[base.rows().length];
        this.seconds = base.seconds().clone();
        this.corrected = new CostCurve(base.rows(), seconds, base.context(), base.growth());
        this.uncut = base.seconds().clone();
    }

    /** Estimated seconds of a step in the context of the steps that are next. */
    public double at(int rows) {
        if (rows >= table.length) {
            return growth * corrected.at(rows);
        }
        if (stamps[rows] != corrections) {
            table[rows] = corrected.at(rows);
            stamps[rows] = corrections;
        }
        return growth * table[rows];
    }

    /** A copy of the corrected curve. */
    public CostCurve curve() {
        return new CostCurve(base.rows().clone(), seconds.clone(), base.context(), base.growth());
    }

    /** The next steps see so many final rows. */
    public void context(int length) {
        growth = base.growthAt(length);
    }

    /** A step of so many rows, all sequences' together, took so long in the present context. */
    public void took(int rows, long stepNanos) {
        correct(rows, RATE * surprise(at(rows), stepNanos));
    }

    /**
     * Several steps ran in one request; which of them took how long is not known, so all sizes follow alike.
     *
     * @param expected seconds of these steps as estimated one by one
     */
    void tookTogether(double expected, long allNanos) {
        double change = RATE * surprise(expected, allNanos);
        for (int i = 0; i < correction.length; i++) {
            correctSize(i, change);
        }
        refresh();
    }

    /** How far a time is from the estimate, as a logarithm; a stall counts as the most that a sample may. */
    private double surprise(double expected, long spentNanos) {
        nanos += spentNanos;
        if (expected <= 0 || spentNanos <= 0) {
            latest = spentNanos / 1e9;
            return 0;
        }
        double surprise = Math.log(spentNanos / 1e9 / expected);
        surprise = Math.max(-MOST_SURPRISE, Math.min(MOST_SURPRISE, surprise));
        latest = expected * Math.exp(surprise);
        return surprise;
    }

    private void correct(int rows, double change) {
        int[] sizes = base.rows();
        int place = Arrays.binarySearch(sizes, rows);
        int below = place >= 0 ? place : Math.max(0, Math.min(sizes.length - 1, -place - 2));
        int above = place >= 0 ? place : Math.min(sizes.length - 1, -place - 1);
        for (int i = 0; i < correction.length; i++) {
            correctSize(i, i == below || i == above ? change : COMMON * change);
        }
        refresh();
    }

    private void correctSize(int i, double change) {
        correction[i] += change;
        uncut[i] = base.seconds()[i] * Math.exp(correction[i]);
    }

    private void refresh() {
        neverFalling();
        corrections++;
    }

    /** More rows never cost less: where neighbours disagree, they meet in the middle. */
    private void neverFalling() {
        double most = 0;
        for (int i = 0; i < seconds.length; i++) {
            double least = Double.MAX_VALUE;
            for (int j = i; j < seconds.length; j++) {
                least = Math.min(least, uncut[j]);
            }
            most = Math.max(most, uncut[i]);
            seconds[i] = (most + least) / 2;
        }
    }

    /** Seconds that the last step counts, a stall cut off; those of such a step where none has been measured yet. */
    public double latest(int rows) {
        return latest > 0 ? latest : at(rows);
    }

    /** Nanoseconds of all live steps so far. */
    public long nanos() {
        return nanos;
    }
}
