package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;

/**
 * Medusa (arXiv 2401.10774): heads on the target's last feature, head k guesses the token k + 2 places after that feature's
 * own. The heads do not see each other's guesses, so one step gives every level; a node's value is the sum of its path's
 * log-probabilities. The paper's "typical acceptance" is left out: it would change the text.
 */
public final class MedusaDrafter extends FeatureHeadDrafter {

    public static final String NAME = "medusa";

    /**
     * @param engine a step has a row for each head; row 0 carries the feature, output row k is head k's
     * @param slots sequences that decode at once
     * @param target cost of the target's steps
     */
    public MedusaDrafter(Engine engine, int slots, StepCosts target) {
        super(NAME, engine, slots, target);
    }

    @Override
    StepRequest begin(int first, int batch) {
        return begin(first, batch, heads());
    }

    @Override
    double grow(List<? extends Draftable> sequences) {
        StepRequest request = begin(0, sequences.size());
        for (int b = 0; b < sequences.size(); b++) {
            request.feature(b, 0, slot(sequences.get(b)).feature, 0);
        }
        run();
        for (int b = 0; b < sequences.size(); b++) {
            Draftable sequence = sequences.get(b);
            addChildren(sequence, -1, b, 0);
            for (int level = 1; level < levels(sequence); level++) {
                int size = nextFrontier(sequence);
                for (int node = 0; node < size; node++) {
                    addChildren(sequence, node, b, level);
                }
            }
        }
        return cost(sequences.size());
    }
}
