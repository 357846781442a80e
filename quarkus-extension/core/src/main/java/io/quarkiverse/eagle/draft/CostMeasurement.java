package io.quarkiverse.eagle.draft;

import java.util.Arrays;
import java.util.function.LongSupplier;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;

/** Measures an engine's cost curve with steps of padding rows in slot 0, which must be free. */
public final class CostMeasurement {

    /** Rows of the measured steps: a lone row with its companion up to the paper's tree. */
    private static final int[] ROWS = { 2, 3, 4, 6, 8, 12, 16, 32, 64 };
    /** No larger step is ever measured. */
    static final int LARGEST = ROWS[ROWS.length - 1];

    private static final int ROUNDS = 4;
    /** Sizes and rounds that confirm a curve which was kept. */
    private static final int SPOTS = 2;
    private static final int SPOT_ROUNDS = 2;
    /** Final rows that every measured step sees: a short chat. */
    private static final int CONTEXT = 192;
    /** Final rows of the steps that tell how costs grow with the context, and their sizes. */
    private static final int LONG_CONTEXT = 1024;
    private static final int[] GROWTH_ROWS = { 2, 8 };
    private static final int GROWTH_ROUNDS = 2;

    private final Engine engine;
    private final int context;
    private final StepRequest request;
    private final StepResult result;

    private final LongSupplier clock;

    private CostMeasurement(Engine engine, int mostRows, LongSupplier clock) {
        this.clock = clock;
        this.engine = engine;
        this.context = Math.min(CONTEXT, engine.shape().maxLength() / 2);
        this.request = new StepRequest(engine.shape(), 1, mostRows, mostRows);
        this.result = new StepResult(engine.shape(), mostRows, mostRows);
    }

    /** The fastest of a few repeats per number of rows: what a step costs when nothing disturbs it. */
    public static CostCurve measure(Engine engine, int mostRows) {
        return measure(engine, mostRows, engine::nanoTime);
    }

    /** @param clock nanoseconds */
    static CostCurve measure(Engine engine, int mostRows, LongSupplier clock) {
        int largest = Math.max(Engine.MIN_ROWS, Math.min(mostRows, engine.shape().maxRows()));
        int[] rows = Arrays.stream(ROWS).filter(count -> count <= largest).toArray();
        CostMeasurement measurement = new CostMeasurement(engine, rows[rows.length - 1], clock);
        int longer = Math.min(LONG_CONTEXT, engine.shape().maxLength() - largest);
        int further = longer - measurement.context;
        // The long context comes first: an engine may be slower for a while behind one.
        int[] growthRows = further < measurement.context ? new int[0]
                : Arrays.stream(GROWTH_ROWS).filter(count -> count <= largest).toArray();
        double[] longSeconds = measurement.fastest(growthRows, GROWTH_ROUNDS, longer);
        double[] seconds = monotone(measurement.fastest(rows, ROUNDS, measurement.context));
        CostCurve curve = new CostCurve(rows, seconds);
        double slower = 0;
        for (int i = 0; i < growthRows.length; i++) {
            slower += (longSeconds[i] / curve.at(growthRows[i]) - 1) / growthRows.length;
        }
        double growth = growthRows.length == 0 ? 0 : Math.max(0, slower / further);
        return new CostCurve(rows, seconds, measurement.context, growth);
    }

    /** Whether a few steps, of the fewest rows and of a few, take about what a curve says. */
    static boolean confirms(Engine engine, CostCurve curve, double tolerance, LongSupplier clock) {
        int[] rows = Arrays.copyOf(curve.rows(), Math.min(SPOTS, curve.rows().length));
        CostMeasurement measurement = new CostMeasurement(engine, rows[rows.length - 1], clock);
        double[] seconds = measurement.fastest(rows, SPOT_ROUNDS, measurement.context);
        for (int i = 0; i < rows.length; i++) {
            double ratio = seconds[i] / curve.at(rows[i]);
            if (ratio > tolerance || ratio < 1 / tolerance) {
                return false;
            }
        }
        return true;
    }

    /** Round by round, so that a disturbance meets all sizes; the first round only warms up. */
    private double[] fastest(int[] rows, int rounds, int finalRows) {
        double[] seconds = new double[rows.length];
        Arrays.fill(seconds, Double.MAX_VALUE);
        for (int round = 0; round <= rounds; round++) {
            for (int i = 0; i < rows.length; i++) {
                double time = time(rows[i], finalRows);
                seconds[i] = round == 0 ? seconds[i] : Math.min(seconds[i], time);
            }
        }
        return seconds;
    }

    private double time(int rows, int finalRows) {
        request.begin(0, 1, rows, 0, rows, rows);
        request.windowStart(0, finalRows);
        long start = clock.getAsLong();
        Steps.await(engine.step(request, result));
        return (clock.getAsLong() - start) / 1e9;
    }

    /** More rows never cost less; a dip is a disturbed neighbour. */
    private static double[] monotone(double[] seconds) {
        for (int i = seconds.length - 2; i >= 0; i--) {
            seconds[i] = Math.min(seconds[i], seconds[i + 1]);
        }
        return seconds;
    }
}
