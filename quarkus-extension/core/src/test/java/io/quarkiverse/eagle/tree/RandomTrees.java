package io.quarkiverse.eagle.tree;

import java.util.Random;

/** Trees of any shape, with tokens of a small vocabulary; siblings carry different tokens, as a drafter's do. */
final class RandomTrees {

    static final int VOCABULARY = 6;

    private RandomTrees() {
    }

    static DraftTree tree(Random random, int nodes) {
        DraftTree tree = new DraftTree();
        for (int i = 0; i < nodes; i++) {
            int parent = random.nextInt(tree.size() + 1) - 1;
            int token = random.nextInt(VOCABULARY);
            if (tree.child(parent, token) < 0) {
                tree.add(token, parent, (parent == DraftTree.ROOT ? 0 : tree.value(parent)) - random.nextFloat());
            }
        }
        return tree;
    }
}
