package io.quarkiverse.eagle.draft;

import java.util.Arrays;

import io.quarkiverse.eagle.engine.Engine;

/**
 * What an engine's steps cost now: a measured {@link CostCurve}, corrected by the times of live steps. Every measured size has
 * a
 * correction of its own; a step corrects the sizes next to its own number of rows most, and the others half as much, for a
 * machine that became slower became so for all. A sample counts no more than {@value #MOST_SURPRISE} in the logarithm, so a
 * stalled step moves little, and a lasting change is followed within some dozens of steps. A step of a size far from all that
 * are known, as where many sequences decode at once, adds its own size to the curve, which would else be a guess from the
 * slope at the end. Belongs to the decode loop's thread, allocates nothing per step but for a new size.
 */
public final class StepCosts {

    /** How much one more step counts. */
    private static final double RATE = 0.05;
    /** Most that a sample may differ from the estimate, as a logarithm of their ratio. */
    private static final double MOST_SURPRISE = 0.25;
    /** Share of a correction that sizes far from the step's get. */
    private static final double COMMON = 0.5;
    private static final int TABULATED_ROWS = 1024;
    private static final int FIRST_TABLE = 64;
    /** A step whose rows are so many times those of its neighbours, or the neighbours' so many times its own, is a new size. */
    private static final double FAR = 1.4;
    /** Steps near a new size that may have been disturbed when it was first met: one that is faster is believed at once. */
    private static final int FRESH = 4;

    /** Base costs, with sizes that live steps have added. */
    private CostCurve base;
    /** Correction of each of the curve's sizes, a logarithm. */
    private double[] correction;
    /** Corrected seconds of each of the curve's sizes, never falling, in the curve's context; {@link #uncut} may fall. */
    private double[] seconds;
    private CostCurve corrected;
    private double[] uncut;
    /** Steps of each size for which it still counts as new. */
    private int[] fresh;
    /** Estimates by number of rows, each valid while its stamp is the number of corrections. */
    private double[] table = new double[FIRST_TABLE];
    private int[] stamps = new int[FIRST_TABLE];
    private int corrections = 1;
    /** The largest size that was measured, not learned; beyond it live steps add sizes. */
    private final int measured;
    private double growth = 1;
    private double latest;
    /** Whether the last step ran beside drafting. */
    private boolean beside;
    /** Sequences that take turns in steps, 0 when all are in each. */
    private int turns;
    private long nanos;

    public StepCosts(CostCurve base) {
        this.base = base;
        this.measured = Math.min(CostMeasurement.LARGEST, base.rows()[base.rows().length - 1]);
        this.correction = new double[base.rows().length];
        this.seconds = base.seconds().clone();
        this.corrected = new CostCurve(base.rows(), seconds, base.context(), base.growth());
        this.uncut = base.seconds().clone();
        this.fresh = new int[correction.length];
    }

    /** Estimated seconds of a step in the context of the steps that are next. */
    public double at(int rows) {
        if (rows >= TABULATED_ROWS) {
            return growth * corrected.at(rows);
        }
        if (rows >= table.length) {
            int larger = Math.max(rows + 1, 2 * table.length);
            table = Arrays.copyOf(table, larger);
            stamps = Arrays.copyOf(stamps, larger);
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

    /**
     * The next steps have only some of so many decoding sequences, and plain decoding would have all of them in one; 0 when
     * steps
     * have all.
     */
    public void turns(int sequences) {
        turns = sequences;
    }

    /** Seconds of plain decoding that so many sequences of a step account for. */
    double plain(int sequences) {
        int all = Math.max(turns, sequences);
        return at(Math.max(Engine.MIN_ROWS, all)) * sequences / all;
    }

    /** A step took so long beside drafting, which may have slowed it down: it counts, and teaches nothing. */
    public void tookBeside(int rows, long stepNanos) {
        surprise(at(rows), stepNanos);
        beside = true;
    }

    /** A step of so many rows, all sequences' together, took so long in the present context. */
    public void took(int rows, long stepNanos) {
        beside = false;
        int place = Arrays.binarySearch(base.rows(), rows);
        if (place < 0 && stepNanos > 0 && isFar(rows, -place - 1)) {
            nanos += stepNanos;
            latest = stepNanos / 1e9;
            insert(-place - 1, rows, latest / growth);
            return;
        }
        double expected = at(rows);
        if (place >= 0) {
            believeFaster(place, expected, stepNanos);
        } else {
            believeFaster(-place - 2, expected, stepNanos);
            believeFaster(-place - 1, expected, stepNanos);
        }
        correct(rows, RATE * surprise(at(rows), stepNanos));
    }

    /** While a size is new, a step near it that was faster tells that the first one was disturbed. */
    private void believeFaster(int size, double expected, long stepNanos) {
        if (size < 0 || size >= fresh.length || fresh[size] == 0) {
            return;
        }
        fresh[size]--;
        if (stepNanos > 0 && stepNanos / 1e9 < expected) {
            correctSize(size, Math.log(stepNanos / 1e9 / expected));
            refresh();
        }
    }

    /** Whether a number of rows is beyond the measured sizes, and far from its neighbours. */
    private boolean isFar(int rows, int above) {
        int[] sizes = base.rows();
        return above > 0 && rows >= FAR * sizes[above - 1] && (above == sizes.length || sizes[above] >= FAR * rows)
                && rows > measured;
    }

    /** Adds a size; what it took is known for the first time, and teaches no other. */
    private void insert(int place, int rows, double value) {
        double least = place == 0 ? value : Math.max(value, seconds[place - 1]);
        base = new CostCurve(with(base.rows(), place, rows), with(base.seconds(), place, least), base.context(),
                base.growth());
        correction = with(correction, place, 0);
        seconds = with(seconds, place, least);
        uncut = with(uncut, place, least);
        fresh = with(fresh, place, FRESH);
        corrected = new CostCurve(base.rows(), seconds, base.context(), base.growth());
        refresh();
    }

    private static int[] with(int[] values, int place, int value) {
        int[] more = Arrays.copyOf(values, values.length + 1);
        System.arraycopy(values, place, more, place + 1, values.length - place);
        more[place] = value;
        return more;
    }

    private static double[] with(double[] values, int place, double value) {
        double[] more = Arrays.copyOf(values, values.length + 1);
        System.arraycopy(values, place, more, place + 1, values.length - place);
        more[place] = value;
        return more;
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

    /**
     * Seconds that the last step of so many rows counts: what such a step costs by now, or its own where it ran beside
     * drafting.
     */
    double counted(int rows) {
        return beside ? latest(rows) : at(rows);
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
