package io.quarkiverse.eagle.draft;

import java.util.Arrays;

import io.quarkiverse.eagle.tree.DraftTree;

/**
 * Proposals of several drafters as one trie: a path that two of them propose is there once, with the higher value. Values must
 * mean the same whoever gave them: log-probabilities of acceptance, no child's above its parent's. Reused from cycle to cycle.
 */
final class MergedTree {

    private int[] tokens = new int[256];
    private int[] parents = new int[256];
    private float[] values = new float[256];
    private int[] order = new int[256];
    private int[] places = new int[256];
    private int size;

    void clear() {
        size = 0;
    }

    int size() {
        return size;
    }

    /**
     * Adds a node, or raises the value of the one that is there.
     *
     * @param parent a node, or {@link DraftTree#ROOT}
     * @param estimate the node's value; cut to the parent's, for a node is accepted only where its parent is
     * @return the node
     */
    int add(int token, int parent, float estimate) {
        float value = parent == DraftTree.ROOT ? estimate : Math.min(estimate, values[parent]);
        for (int node = parent + 1; node < size; node++) {
            if (parents[node] == parent && tokens[node] == token) {
                values[node] = Math.max(values[node], value);
                return node;
            }
        }
        if (size == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * size);
            parents = Arrays.copyOf(parents, 2 * size);
            values = Arrays.copyOf(values, 2 * size);
            order = Arrays.copyOf(order, 2 * size);
            places = Arrays.copyOf(places, 2 * size);
        }
        tokens[size] = token;
        parents[size] = parent;
        values[size] = value;
        return size++;
    }

    /**
     * Ranks all nodes by value, parents before their children.
     *
     * @param into receives the highest values in descending order
     * @return how many were written
     */
    int rank(float[] into) {
        for (int node = 0; node < size; node++) {
            int place = node;
            while (place > 0 && values[order[place - 1]] < values[node]) {
                order[place] = order[place - 1];
                place--;
            }
            order[place] = node;
        }
        int count = Math.min(size, into.length);
        for (int i = 0; i < count; i++) {
            into[i] = values[order[i]];
        }
        return count;
    }

    /** The {@code nodes} of highest value become the draft tree; {@link #rank} comes first. */
    void select(int nodes, DraftTree into) {
        into.clear();
        into.candidates(size);
        for (int i = 0; i < Math.min(nodes, size); i++) {
            int node = order[i];
            places[node] = into.add(tokens[node], parents[node] == DraftTree.ROOT ? DraftTree.ROOT : places[parents[node]],
                    values[node]);
        }
    }
}
