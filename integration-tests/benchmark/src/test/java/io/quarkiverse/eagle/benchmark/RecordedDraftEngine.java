package io.quarkiverse.eagle.benchmark;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/** Answers the steps of a cycle with what was recorded, and remembers the last request. */
final class RecordedDraftEngine implements Engine {

    private final Queue<StepResult> answers = new ArrayDeque<>();
    private StepRequest lastRequest;

    void answerWith(DraftOutputs outputs) {
        answers.clear();
        answers.add(outputs.extension());
        answers.addAll(List.of(outputs.levels()));
    }

    StepRequest lastRequest() {
        return lastRequest;
    }

    @Override
    public EngineShape shape() {
        return DraftOutputs.SHAPE;
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        lastRequest = request;
        StepResult answer = answers.remove();
        result.begin(1, request.rows(), request.outputs());
        int entries = Math.min(answer.outputs(), request.outputs()) * DraftOutputs.TOP_K;
        result.topIds().put(0, answer.topIds(), 0, entries);
        result.topLogits().put(0, answer.topLogits(), 0, entries);
        for (int t = 0; t < request.rows(); t++) {
            copyFeature(answer, Math.min(t, answer.rows() - 1), result, t);
        }
        return CompletableFuture.completedFuture(result);
    }

    /** An extension has a row per token; the recorded one stands for all of them. */
    private static void copyFeature(StepResult from, int row, StepResult into, int t) {
        into.features().put(into.featureOffset(0, t), from.features(), from.featureOffset(0, row),
                DraftOutputs.FEATURE_SIZE);
    }

    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        throw new UnsupportedOperationException("nobody asks a draft for its full logits");
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
