package io.quarkiverse.eagle.draft;

import io.quarkiverse.eagle.tree.DraftTree;

/**
 * What the target chose after a sequence's last proposal, held against the values of the draft. A cycle that verified nothing
 * still tells whether the first level had the next token, so that a try of a hopeless draft costs no verification.
 */
final class ChosenPath {

    /** First tokens that teach what values are worth where no tree was verified. */
    private static final int FIRST_TOKENS = 4;

    private final int[] firstTokens = new int[FIRST_TOKENS];
    private final float[] firstValues = new float[FIRST_TOKENS];
    private int firstCount;
    /** The accepted path and the target's own token. */
    private final int[] chosen = new int[DraftTree.MAX_NODES + 1];
    private int length;

    /** A new proposal. */
    void begin() {
        firstCount = 0;
        length = 0;
    }

    /** The proposal's next likely first token, in descending order. */
    void first(int token, float value) {
        if (firstCount < FIRST_TOKENS) {
            firstTokens[firstCount] = token;
            firstValues[firstCount++] = value;
        }
    }

    /** The target chose the next token. */
    void chose(int token) {
        if (length < chosen.length) {
            chosen[length++] = token;
        }
    }

    /** Teaches an economy what the values of the verified tree were worth. */
    void teach(SpeculationEconomy economy, DraftTree tree) {
        if (length == 0) {
            return;
        }
        int onPath = tree.child(DraftTree.ROOT, chosen[0]);
        int step = 0;
        // Parents come before their children, so the path is met in order.
        for (int node = 0; node < tree.size(); node++) {
            boolean accepted = node == onPath;
            economy.saw(tree.value(node), accepted);
            if (accepted && ++step < length) {
                onPath = tree.child(node, chosen[step]);
            }
        }
        for (int i = 0; tree.size() == 0 && i < firstCount; i++) {
            economy.saw(firstValues[i], firstTokens[i] == chosen[0]);
        }
    }
}
