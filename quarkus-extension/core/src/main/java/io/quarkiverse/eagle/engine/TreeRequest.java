package io.quarkiverse.eagle.engine;

import java.util.Arrays;

/**
 * How large the trees of one {@link TreeDrafting} request grow. Reused from cycle to cycle; not thread-safe.
 * <p>
 * A node's children are its row's best tokens. The root's are the candidates of level 1; level {@code l} is expanded by a step
 * with {@link #size} rows for a sequence, and as many padding rows as another sequence has more. The candidates of a sequence
 * are numbered in the order in which they come: the root's children, then those of every expanded row, best first.
 */
public final class TreeRequest {

    /** Levels that a request has room for. */
    public static final int MOST_LEVELS = 18;

    private final int[] children;
    private final int[] windowStarts;
    /** {@code [batch][MOST_LEVELS]} */
    private final int[] sizes;
    /** By level: rows of its step per sequence. */
    private final int[] rows;
    private int batch;
    private int levels;

    public TreeRequest(int mostBatch) {
        this.children = new int[mostBatch];
        this.windowStarts = new int[mostBatch];
        this.sizes = new int[mostBatch * MOST_LEVELS];
        this.rows = new int[MOST_LEVELS];
    }

    /** Starts a new request; no sequence drafts anything yet. */
    public void begin(int sequences) {
        batch = sequences;
        levels = 0;
        Arrays.fill(children, 0, batch, 0);
        Arrays.fill(windowStarts, 0, batch, 0);
        Arrays.fill(sizes, 0, batch * MOST_LEVELS, 0);
        Arrays.fill(rows, 0);
    }

    /** Rows of the sequence's slot that are final after the extension: where the levels' window begins. */
    public void windowStart(int b, int cacheRow) {
        windowStarts[b] = cacheRow;
    }

    /**
     * A sequence drafts a tree.
     *
     * @param childrenPerNode candidates that each node brings, at most the engine's top k
     * @param expansion most nodes that are expanded of a level
     * @param expanded levels that are expanded; the tree is one deeper
     */
    public void sequence(int b, int childrenPerNode, int expansion, int expanded) {
        if (expanded > MOST_LEVELS) {
            throw new IllegalArgumentException(expanded + " levels to expand; the request has room for " + MOST_LEVELS);
        }
        children[b] = childrenPerNode;
        int candidates = childrenPerNode;
        for (int level = 0; level < expanded; level++) {
            int size = Math.min(expansion, candidates);
            sizes[b * MOST_LEVELS + level] = size;
            rows[level] = Math.max(rows[level], size);
            candidates = size * childrenPerNode;
        }
        levels = Math.max(levels, expanded);
    }

    public int batch() {
        return batch;
    }

    /** Levels that are expanded for at least one sequence. */
    public int levels() {
        return levels;
    }

    /** Candidates per node; 0 for a sequence that drafts nothing. */
    public int children(int b) {
        return children[b];
    }

    public int windowStart(int b) {
        return windowStarts[b];
    }

    /** Nodes of level {@code level}, counted from 1, that are expanded for a sequence; 0 beyond its last. */
    public int size(int b, int level) {
        return level > levels ? 0 : sizes[b * MOST_LEVELS + level - 1];
    }

    /** Rows per sequence of the step that expands a level, counted from 1. */
    public int rows(int level) {
        return rows[level - 1];
    }

    /** Rows per sequence of all levels' steps. */
    public int rows() {
        int all = 0;
        for (int level = 0; level < levels; level++) {
            all += rows[level];
        }
        return all;
    }

    /** Candidates of a level, counted from 1. */
    public int candidates(int b, int level) {
        return level == 1 ? children[b] : size(b, level - 1) * children[b];
    }
}
