package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.engine.StepResult;

/** Proposes nothing: plain decoding, one token per step. */
public final class PlainDrafter implements Drafter {

    public static final String NAME = "none";

    @Override
    public String name() {
        return NAME;
    }

    /** Rows that are not observed are not missed. */
    @Override
    public int begin(Draftable sequence, int heldRows) {
        return heldRows;
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        // Nothing is learnt.
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
        }
    }

    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        // Nothing was proposed.
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
