package io.quarkiverse.eagle.benchmark;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepResult;

/**
 * What a draft engine gives in one cycle: the row of the extension that the first level descends from, then one step per
 * expanded level. Drawn at random with confidences that spread as a draft head's do: often sure, sometimes not at all.
 *
 * @param extension one row
 * @param levels one row per frontier node
 */
record DraftOutputs(StepResult extension, StepResult[] levels) {

    /** The paper's mode: 10 children per expanded node, 10 expanded nodes per level, 6 levels. */
    static final int TOP_K = 10;
    static final int DEPTH = 6;
    static final int NODES = 60;

    /** Levels that an adaptive tree may have. */
    static final int DEEPEST = 10;

    /** The width of SmolLM2-135M's features. */
    static final int FEATURE_SIZE = 576;
    static final int VOCABULARY = 49152;

    /** Full logits are never asked for, so none are held. */
    static final EngineShape SHAPE = new EngineShape(1, 2048, 128, TOP_K, 0, FEATURE_SIZE, true);

    static DraftOutputs random(SplittableRandom random) {
        StepResult[] levels = new StepResult[DEEPEST - 1];
        for (int level = 0; level < levels.length; level++) {
            levels[level] = step(TOP_K, random);
        }
        return new DraftOutputs(step(1, random), levels);
    }

    private static StepResult step(int rows, SplittableRandom random) {
        StepResult result = new StepResult(SHAPE, rows, rows);
        result.begin(1, rows, rows);
        for (int row = 0; row < rows; row++) {
            Distribution.random(TOP_K, IntStream.empty(), random).write(result, row, 0);
        }
        fillFeatures(result, rows, random);
        return result;
    }

    static void fillFeatures(StepResult result, int rows, SplittableRandom random) {
        for (int i = 0; i < rows * result.shape().featureSize(); i++) {
            result.features().put(i, (float) random.nextDouble(-1, 1));
        }
    }
}
