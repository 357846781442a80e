package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;

/** Drives a target without any speculation: text is read in chunks, or one token at a time. */
final class PlainSteps {

    private final Engine target;
    private final StepRequest request;
    private final StepResult result;

    PlainSteps(Engine target) {
        int rows = target.shape().maxRows();
        this.target = target;
        this.request = new StepRequest(target.shape(), 1, rows, rows);
        this.result = new StepResult(target.shape(), rows, rows);
    }

    /** What is told of every row that was read. */
    @FunctionalInterface
    interface RowReader {
        void read(int position, StepResult result, int row);
    }

    /** Reads tokens {@code from} to {@code to} of a text behind those that the slot has already. */
    void read(int slot, int[] tokens, int from, int to, int chunk, RowReader reader) {
        for (int start = from; start < to; start += chunk) {
            int count = Math.min(chunk, to - start);
            int rows = Math.max(Engine.MIN_ROWS, count);
            request.begin(slot, 1, rows, 0, rows, rows);
            request.windowStart(0, start);
            for (int t = 0; t < count; t++) {
                request.row(0, t, tokens[start + t], start + t);
                for (int seen = 0; seen < t; seen++) {
                    request.see(0, t, seen);
                }
            }
            Steps.await(target.step(request, result));
            for (int t = 0; t < count; t++) {
                reader.read(start + t, result, t);
            }
        }
    }
}
