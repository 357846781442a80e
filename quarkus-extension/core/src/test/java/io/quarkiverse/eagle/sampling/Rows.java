package io.quarkiverse.eagle.sampling;

import java.util.Comparator;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepResult;

/** Step results as an engine would fill them from given logits. */
public final class Rows {

    private Rows() {
    }

    /** One sequence whose output rows are the given ones. */
    public static StepResult result(int topK, boolean hasLogits, float[]... rows) {
        int vocabulary = rows[0].length;
        StepResult result = new StepResult(new EngineShape(1, 64, 8, topK, vocabulary, 1, false), rows.length, rows.length);
        result.begin(1, rows.length, rows.length);
        if (hasLogits) {
            result.bringAllLogits();
        }
        for (int r = 0; r < rows.length; r++) {
            float[] row = rows[r];
            int[] order = IntStream.range(0, vocabulary).boxed()
                    .sorted(Comparator.comparingDouble((Integer id) -> -(row[id] + 0f)).thenComparing(id -> id))
                    .mapToInt(Integer::intValue).toArray();
            for (int i = 0; i < topK; i++) {
                result.topIds().put(r * topK + i, i < vocabulary ? order[i] : -1);
                result.topLogits().put(r * topK + i, i < vocabulary ? row[order[i]] : Float.NaN);
            }
            result.logZ().put(r, logZ(row));
            if (hasLogits) {
                result.logits().put(r * vocabulary, row);
            }
        }
        return result;
    }

    static float logZ(float[] row) {
        double best = IntStream.range(0, row.length).mapToDouble(i -> row[i]).max().orElseThrow();
        return (float) (best + Math.log(IntStream.range(0, row.length).mapToDouble(i -> Math.exp(row[i] - best)).sum()));
    }
}
