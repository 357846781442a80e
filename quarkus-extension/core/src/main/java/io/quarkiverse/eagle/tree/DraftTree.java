package io.quarkiverse.eagle.tree;

import io.quarkiverse.eagle.engine.StepRequest;

/**
 * A draft tree below a root token, as flat arrays that are reused from cycle to cycle. Node {@code i} is row {@code i + 1} of
 * the verification step, the root is row 0. Parents stand before their children. Not thread-safe.
 */
public final class DraftTree {

    /** Most nodes that fit a step beside the root. */
    public static final int MAX_NODES = 127;

    /** Parent of the root's children. */
    public static final int ROOT = -1;

    private static final int GONE = -2;

    private final int[] tokens = new int[MAX_NODES];
    private final int[] parents = new int[MAX_NODES];
    private final int[] depths = new int[MAX_NODES];
    private final float[] values = new float[MAX_NODES];
    /** Where nodes went when others were taken out. */
    private final int[] places = new int[MAX_NODES];
    private int size;
    private int candidates;

    /** Empties the tree. */
    public void clear() {
        size = 0;
        candidates = 0;
    }

    /**
     * Adds a node.
     *
     * @param parent index of a node that is in the tree already, or {@link #ROOT}
     * @param value cumulative log-probability in nats along the path, not above the parent's
     * @return the node's index
     */
    public int add(int token, int parent, float value) {
        if (size == MAX_NODES) {
            throw new IllegalStateException("the tree is full: " + MAX_NODES + " nodes");
        }
        if (parent < ROOT || parent >= size) {
            throw new IllegalArgumentException("parent " + parent + " is not in a tree of " + size + " nodes");
        }
        tokens[size] = token;
        parents[size] = parent;
        depths[size] = parent == ROOT ? 1 : depths[parent] + 1;
        values[size] = value;
        return size++;
    }

    /** Cuts the tree down to what grows from a node, which becomes the root. Values are relative to it from then on. */
    public void descend(int root) {
        int[] moved = new int[size];
        float base = values[root];
        int kept = 0;
        for (int node = root + 1; node < size; node++) {
            int parent = parents[node];
            moved[node] = -1;
            // Parents stand before their children, so a parent's new place is known, and never behind its old one.
            if (parent == root || parent > root && moved[parent] >= 0) {
                tokens[kept] = tokens[node];
                parents[kept] = parent == root ? ROOT : moved[parent];
                depths[kept] = parent == root ? 1 : depths[parents[kept]] + 1;
                values[kept] = values[node] - base;
                moved[node] = kept++;
            }
        }
        size = kept;
    }

    /**
     * Takes nodes out, and everything below them; the others keep their order.
     *
     * @param kept whether a node stays, by its index
     */
    public void retain(boolean[] kept) {
        int count = 0;
        for (int node = 0; node < size; node++) {
            int parent = parents[node] == ROOT ? ROOT : places[parents[node]];
            boolean stays = kept[node] && parent != GONE;
            places[node] = stays ? count : GONE;
            if (stays) {
                tokens[count] = tokens[node];
                parents[count] = parent;
                depths[count] = depths[node];
                values[count++] = values[node];
            }
        }
        size = count;
    }

    /** How many candidates the nodes were chosen from. */
    public void candidates(int count) {
        this.candidates = count;
    }

    public int candidates() {
        return candidates;
    }

    public int size() {
        return size;
    }

    public int token(int node) {
        return tokens[node];
    }

    /** Index of the parent, or {@link #ROOT}. */
    public int parent(int node) {
        return parents[node];
    }

    /** Levels below the root; the root's children have 1. */
    public int depth(int node) {
        return depths[node];
    }

    /** The depth of the deepest node, 0 without nodes. */
    public int deepest() {
        int deepest = 0;
        for (int node = 0; node < size; node++) {
            deepest = Math.max(deepest, depths[node]);
        }
        return deepest;
    }

    /** Cumulative log-probability in nats. */
    public float value(int node) {
        return values[node];
    }

    /** The child of a node, or of {@link #ROOT}, that carries a token; {@code -2} when there is none. */
    public int child(int parent, int token) {
        for (int node = parent + 1; node < size; node++) {
            if (parents[node] == parent && tokens[node] == token) {
                return node;
            }
        }
        return -2;
    }

    /**
     * Writes root and nodes into a step: tokens, positions and who sees whom (every row its ancestors and itself).
     *
     * @param keep the step's number of kept rows, where the window's new rows begin
     * @param rootPosition rotary position of the root
     */
    public void writeRows(StepRequest request, int b, int keep, int rootToken, int rootPosition) {
        request.row(b, 0, rootToken, rootPosition);
        for (int node = 0; node < size; node++) {
            int row = node + 1;
            request.row(b, row, tokens[node], rootPosition + depths[node]);
            request.see(b, row, keep);
            for (int ancestor = parents[node]; ancestor != ROOT; ancestor = parents[ancestor]) {
                request.see(b, row, keep + ancestor + 1);
            }
        }
    }
}
