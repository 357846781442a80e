package io.quarkiverse.eagle.draft;

import io.quarkiverse.eagle.TreeBudget;
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

    /** Filled by {@link Drafter#propose}. */
    DraftTree tree();
}
