package io.quarkiverse.eagle.deployment;

import java.util.List;

import io.quarkiverse.eagle.draft.Draftable;
import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.engine.StepResult;

/** Proposes what followed the last token when it stood in the text before. */
final class LastPairDrafter implements Drafter {

    static final String NAME = "last-pair";

    private static final int LONGEST = 4;
    /** Every further token is accepted half as often as the one before; cumulative log-probabilities. */
    private static final float[] VALUES = { -0.7f, -1.4f, -2.1f, -2.8f };

    private final SpeculationEconomy economy;
    private final int[] batches;

    LastPairDrafter(int slots, SpeculationEconomy economy) {
        this.economy = economy;
        this.batches = new int[slots];
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int begin(Draftable sequence, int heldRows) {
        return heldRows; // the sequence itself holds all tokens
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        // The target's features are not looked at.
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
            int from = afterTheLastPair(sequence);
            int found = Math.min(LONGEST, sequence.length() - from);
            int nodes = sequence.budget() != null ? Math.min(found, sequence.budget().nodes())
                    : economy.choose(VALUES, found, sequences.size(), 0);
            for (int i = 0; i < Math.min(nodes, sequence.mostNodes()); i++) {
                sequence.tree().add(sequence.token(from + i), i - 1, VALUES[i]);
            }
            sequence.tree().candidates(found);
            batches[sequence.slot()] = sequences.size();
        }
    }

    /** The index after the last earlier place of the last token; the length when there is none. */
    private static int afterTheLastPair(Draftable sequence) {
        int last = sequence.length() - 1;
        for (int i = last - 1; i >= 0; i--) {
            if (sequence.token(i) == sequence.token(last)) {
                return i + 1;
            }
        }
        return sequence.length();
    }

    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        if (sequence.budget() == null) {
            int nodes = sequence.tree().size();
            economy.learn(economy.promised(VALUES, nodes), emitted, 0, nodes, batches[sequence.slot()]);
        }
    }

    @Override
    public void close() {
        // Nothing is open.
    }
}
