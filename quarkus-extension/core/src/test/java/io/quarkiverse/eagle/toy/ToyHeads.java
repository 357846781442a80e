package io.quarkiverse.eagle.toy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/**
 * Medusa or Hydra heads of a {@link ToyLanguage}. A Medusa head takes every token between its feature and its own guess for the
 * most probable one; a Hydra head is told them.
 */
public final class ToyHeads implements Engine {

    private static final int HEADS = 4;

    private final ToyLanguage language;
    private final boolean seesTokens;
    private final double noise;
    private final EngineShape shape;
    private VirtualClock clock;
    private StepTime time;

    /** @param seesTokens true for Hydra heads, false for Medusa's */
    public ToyHeads(ToyLanguage language, boolean seesTokens, int slots, int topK, double noise) {
        this.language = language;
        this.seesTokens = seesTokens;
        this.noise = noise;
        this.shape = new EngineShape(slots, 1, HEADS, topK, 0, ToyEngine.FEATURE_SIZE, true);
    }

    /** From now on steps take time on a clock. */
    public void takesTime(VirtualClock passing, StepTime stepTime) {
        clock = passing;
        time = stepTime;
    }

    @Override
    public long nanoTime() {
        return clock == null ? System.nanoTime() : clock.now();
    }

    @Override
    public EngineShape shape() {
        return shape;
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        ToyEngine.require(request.rows() == HEADS && request.keep() == 0 && request.window() == HEADS
                && request.outputs() == (seesTokens ? 1 : HEADS), "rows, window or outputs that such heads do not have");
        if (clock != null) {
            clock.advance(time.nanos(request));
        }
        result.begin(request.batch(), HEADS, request.outputs());
        for (int b = 0; b < request.batch(); b++) {
            long prefix = ToyEngine.prefix(request.features(), b * HEADS * ToyEngine.FEATURE_SIZE);
            if (seesTokens) {
                int head = (int) request.positionIds().get(b * HEADS);
                ToyEngine.require(head >= 0 && head < HEADS, "head " + head);
                for (int t = 0; t <= head; t++) {
                    prefix = ToyLanguage.extend(prefix, (int) request.inputIds().get(b * HEADS + t));
                }
                write(result, b, prefix);
                continue;
            }
            for (int head = 0; head < HEADS; head++) {
                prefix = ToyLanguage.extend(prefix, ToyLanguage.descending(language.logits(prefix))[0]);
                write(result, b * HEADS + head, prefix);
            }
        }
        return CompletableFuture.completedFuture(result);
    }

    private void write(StepResult result, int output, long prefix) {
        float[] logits = language.logits(prefix, noise);
        int[] order = ToyLanguage.descending(logits);
        for (int i = 0; i < shape.topK(); i++) {
            result.topIds().put(output * shape.topK() + i, order[i]);
            result.topLogits().put(output * shape.topK() + i,
                    (float) (logits[order[i]] - ToyLanguage.logZ(logits)));
        }
    }

    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        return CompletableFuture.failedFuture(new EngineException("heads have no logits to fetch"));
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
