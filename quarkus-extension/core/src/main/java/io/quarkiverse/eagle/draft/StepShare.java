package io.quarkiverse.eagle.draft;

import java.util.List;
import java.util.function.Function;

/**
 * A sequence's share in a step that a drafter proposed for: what its tree promised, and what all sequences of the step pay
 * together. Reused from cycle to cycle.
 */
final class StepShare {

    private double promised;
    private double spent;
    private int batch;
    private int trees;
    private int largest;

    /**
     * A tree was chosen.
     *
     * @param tokens that it promises, the target's own included; 0 where nobody estimated them
     * @param seconds of drafting in this cycle
     */
    void chose(double tokens, double seconds) {
        promised = tokens;
        spent = seconds;
    }

    /**
     * The proposals of a step are complete.
     *
     * @param sequences that share the step
     * @param proposed for how many of them the drafter could draft
     * @param nodes of the largest tree, whose rows all have
     */
    void complete(int sequences, int proposed, int nodes) {
        batch = sequences;
        trees = proposed;
        largest = nodes;
    }

    /**
     * The trees of a step are chosen.
     *
     * @param drafted sequences that have one
     * @param sequences that share the step
     */
    static void complete(List<? extends Draftable> drafted, int sequences, Function<Draftable, StepShare> shareOf) {
        int largest = 0;
        for (Draftable sequence : drafted) {
            largest = Math.max(largest, sequence.tree().size());
        }
        for (Draftable sequence : drafted) {
            shareOf.apply(sequence).complete(sequences, drafted.size(), largest);
        }
    }

    double promised() {
        return promised;
    }

    double spent() {
        return spent;
    }

    int batch() {
        return batch;
    }

    int trees() {
        return trees;
    }

    int largest() {
        return largest;
    }
}
