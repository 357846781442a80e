package io.quarkiverse.eagle.tree;

import java.util.Arrays;

import io.quarkiverse.eagle.grammar.GrammarState;

/** Takes what a grammar does not allow out of draft trees: it could never be accepted. Reused; not thread-safe. */
public final class TreePruner {

    private final GrammarState[] states = new GrammarState[DraftTree.MAX_NODES];
    private final boolean[] kept = new boolean[DraftTree.MAX_NODES];

    /** @param root where the answer stands before the tree's first level */
    public void prune(DraftTree tree, GrammarState root) {
        boolean whole = true;
        for (int node = 0; node < tree.size(); node++) {
            int parent = tree.parent(node);
            GrammarState before = parent == DraftTree.ROOT ? root : states[parent];
            kept[node] = before != null && before.allows(tree.token(node));
            states[node] = kept[node] ? before.after(tree.token(node)) : null;
            whole &= kept[node];
        }
        Arrays.fill(states, 0, tree.size(), null); // the grammar may not be needed any more
        if (!whole) {
            tree.retain(kept);
        }
    }
}
