package io.quarkiverse.eagle.draft;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;
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

    /** Where the sequence stands in the grammar of its answer; null without one. */
    default GrammarState grammar() {
        return null;
    }

    /**
     * The token that the sequence would take after a chain of drafted tokens from a row of logits, with its own options, seed
     * and uniform number; {@link io.quarkiverse.eagle.sampling.TokenSampler#NEEDS_LOGITS} when the row's full logits are
     * missing. Drawing leaves no trace. Greedy unless the sequence has options of its own.
     *
     * @param chain tokens that follow the sequence's last one, {@code chain[0…count)}
     * @param b the sequence's place in the step
     * @param r the output row
     */
    default int draw(int[] chain, int count, StepResult result, int b, int r) {
        return result.topId(b, r, 0);
    }

    /** Filled by {@link Drafter#propose}. */
    DraftTree tree();
}
