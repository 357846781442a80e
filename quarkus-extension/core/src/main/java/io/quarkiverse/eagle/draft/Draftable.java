package io.quarkiverse.eagle.draft;

import io.quarkiverse.eagle.Acceptance;
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
     * How a chain of a draft model is verified. With {@link Acceptance#REJECTION} nothing that depends on a drafted token may
     * decide whether it is proposed, or the text would not be distributed as the target's.
     */
    default Acceptance acceptance() {
        return Acceptance.COUPLED;
    }

    /**
     * The next token of a draft model's chain, from a row of its logits;
     * {@link io.quarkiverse.eagle.sampling.TokenSampler#NEEDS_LOGITS} when the row's full logits are missing. With
     * {@link Acceptance#COUPLED} it is the token that the sequence would take from this row, with its own options, seed and
     * uniform number, after the chain, which leaves no trace; with {@link Acceptance#REJECTION} a draw of its own, whose
     * distribution the sequence keeps for the verification. Greedy unless the sequence has options of its own.
     *
     * @param b the sequence's place in the step
     * @param r the output row
     * @param chain the tokens drafted before it in this cycle
     * @param count how many they are
     */
    default int draft(StepResult result, int b, int r, int[] chain, int count) {
        return result.topId(b, r, 0);
    }

    /** Filled by {@link Drafter#propose}. */
    DraftTree tree();
}
