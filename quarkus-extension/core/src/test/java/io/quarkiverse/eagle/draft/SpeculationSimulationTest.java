package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The economy over many cycles of a synthetic draft on machines with known costs, against plain decoding on the same machine.
 * The draft proposes two children per expanded node and claims 0.6 and 0.2 for them; the target takes the first with the
 * test's chance, the second with a third of it.
 */
class SpeculationSimulationTest {

    private static final int[] ROWS = { 2, 4, 8, 16, 32, 64 };
    /** Measured: a processor with matrix instructions, and one with AVX2 only; per step of the default model. */
    private static final CostCurve MATRIX = new CostCurve(ROWS,
            new double[] { 10.9e-3, 11.9e-3, 13.7e-3, 17.9e-3, 29e-3, 52e-3 });
    private static final CostCurve VECTOR = new CostCurve(ROWS,
            new double[] { 8.3e-3, 9.1e-3, 14.7e-3, 23.8e-3, 43.6e-3, 73.1e-3 });
    /** An accelerator: a step reads the weights, whatever its rows. */
    private static final CostCurve ACCELERATOR = new CostCurve(ROWS,
            new double[] { 10e-3, 10e-3, 10.1e-3, 10.3e-3, 10.8e-3, 12e-3 });
    private static final CostCurve DRAFT = new CostCurve(ROWS,
            new double[] { 0.45e-3, 0.56e-3, 0.72e-3, 1.1e-3, 1.9e-3, 3.5e-3 });
    private static final float LOG_FIRST = (float) Math.log(0.6);
    private static final float LOG_SECOND = (float) Math.log(0.2);

    private final Random random = new Random(20240702);
    private double seconds;
    private double plainSeconds;
    private long nodes;
    private int drafted;

    /** One level of two candidates per node of a chain of the best: values, and their depths. */
    private static final int DEEPEST = 10;

    private void decode(CostCurve machine, double acceptance, int batch, int cycles) {
        StepCosts target = new StepCosts(machine);
        StepCosts draft = new StepCosts(DRAFT);
        SpeculationEconomy economy = new SpeculationEconomy(target, draft, List.of());
        for (int cycle = 0; cycle < cycles; cycle++) {
            if (economy.draftsNow(batch)) {
                draftAndVerify(economy, target, draft, machine, acceptance, batch);
            } else {
                double step = noisy(machine.at(Math.max(2, batch)));
                target.took(Math.max(2, batch), (long) (step * 1e9));
                seconds += step;
                plainSeconds += machine.at(Math.max(2, batch));
            }
        }
    }

    private double noisy(double step) {
        return step * (random.nextInt(200) == 0 ? 5 : 0.95 + 0.1 * random.nextDouble());
    }

    private void draftAndVerify(SpeculationEconomy economy, StepCosts target, StepCosts draft, CostCurve machine,
            double acceptance, int batch) {
        float[] ranked = new float[2 * DEEPEST];
        int[] depths = new int[2 * DEEPEST];
        double spent = 0;
        int count = 0;
        float chain = 0;
        for (int level = 1; level <= DEEPEST; level++) {
            double step = DRAFT.at(Math.max(2, batch));
            draft.took(Math.max(2, batch), (long) (step * 1e9));
            spent += step;
            ranked[count++] = chain + LOG_FIRST;
            ranked[count++] = chain + LOG_SECOND;
            chain += LOG_FIRST;
            economy.sawConfidence(LOG_FIRST, LOG_SECOND);
            float[] sorted = descending(ranked, count);
            if (!economy.anotherLevelPays(sorted, count, new float[] { chain }, 1, batch, spent)) {
                break;
            }
        }
        float[] sorted = descending(ranked, count);
        int chosen = economy.choose(sorted, count, batch, spent);
        double promised = economy.promised(sorted, chosen);
        int rows = chosen == 0 ? Math.max(2, batch) : batch * (chosen + 1);
        double step = noisy(machine.at(rows));
        target.took(rows, (long) (step * 1e9));
        seconds += spent + step;
        nodes += chosen;
        drafted++;
        for (int b = 0; b < batch; b++) {
            int emitted = verify(economy, sorted, chosen, acceptance, count);
            plainSeconds += emitted * machine.at(Math.max(2, batch)) / batch;
            economy.learn(promised, emitted, spent, chosen, batch);
        }
    }

    /** Walks the chain of first children; a second child is accepted as a last token. */
    private int verify(SpeculationEconomy economy, float[] sorted, int chosen, double acceptance, int count) {
        int emitted = 1;
        boolean alive = true;
        float chain = 0;
        for (int level = 1; level <= count / 2; level++) {
            float first = chain + LOG_FIRST;
            float second = chain + LOG_SECOND;
            boolean hasFirst = first >= sorted[Math.max(0, chosen - 1)] && chosen > 0;
            boolean hasSecond = second >= sorted[Math.max(0, chosen - 1)] && chosen > 0;
            double draw = random.nextDouble();
            boolean takesFirst = alive && draw < acceptance;
            boolean takesSecond = alive && !takesFirst && draw < acceptance + acceptance / 3;
            if (hasFirst || chosen == 0 && level == 1) {
                economy.saw(first, takesFirst);
            }
            if (hasSecond || chosen == 0 && level == 1) {
                economy.saw(second, takesSecond);
            }
            emitted += takesFirst && hasFirst || takesSecond && hasSecond ? 1 : 0;
            alive = takesFirst && hasFirst;
            chain = first;
        }
        return emitted;
    }

    private static float[] descending(float[] values, int count) {
        float[] ascending = Arrays.copyOf(values, count);
        Arrays.sort(ascending);
        float[] sorted = new float[count];
        for (int i = 0; i < count; i++) {
            sorted[i] = ascending[count - 1 - i];
        }
        return sorted;
    }

    @ParameterizedTest
    @CsvSource({ "0,1", "0,4", "0,8", "0.2,1", "0.2,4", "0.2,8", "0.5,1", "0.5,4", "0.5,8" })
    void neverLosesMoreThanAFewPercentAgainstPlainDecoding(double acceptance, int batch) {
        for (CostCurve machine : List.of(MATRIX, VECTOR, ACCELERATOR)) {
            seconds = 0;
            plainSeconds = 0;
            decode(machine, acceptance, batch, 20_000);
            double stalls = 1 + 4.0 / 200;
            assertThat(seconds / (plainSeconds * stalls)).as("time against plain decoding's on " + machine.at(2) + "…"
                    + machine.at(64)).isLessThan(1.03);
        }
    }

    @ParameterizedTest
    @CsvSource({ "0.8,1", "0.9,1" })
    void winsWhereTheDraftIsGood(double acceptance, int batch) {
        decode(ACCELERATOR, acceptance, batch, 5_000);
        assertThat(plainSeconds / seconds).isGreaterThan(1.8);
        assertThat(drafted).isGreaterThan(4_000);
    }
}
