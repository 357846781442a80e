package io.quarkiverse.eagle.draft;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.tree.DraftTree;

/** What a drafter sees of a running sequence. */
public interface Draftable {

    /** The sequence's slot in the engines' pools. */
    int slot();

    /** Tokens so far, prompt and answer; the last one is the next tree's root. */
    int length();

    int token(int index);

    /** A fixed budget, or null for an adaptive one. */
    TreeBudget budget();

    /** Most nodes that are of use: no more tokens can follow, or no more rows fit the target's step. */
    int mostNodes();

    /**
     * The token that the sequence would take at a position from a row of logits, with its own options, seed and uniform
     * number; {@link io.quarkiverse.eagle.sampling.TokenSampler#NEEDS_LOGITS} when the row's full logits are missing. Drawing
     * leaves no trace. Greedy unless the sequence has options of its own.
     *
     * @param b the sequence's place in the step
     * @param r the output row
     */
    default int draw(StepResult result, int b, int r, long position) {
        return result.topId(b, r, 0);
    }

    /** Filled by {@link Drafter#propose}. */
    DraftTree tree();
}
