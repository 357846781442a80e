package io.quarkiverse.eagle.tree;

import java.util.Arrays;

import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.grammar.GrammarState;

/**
 * Builds a context-aware dynamic draft tree (EAGLE-2, arXiv 2406.16858, section 4): every level, the nodes of highest value are
 * expanded; at the end all candidates of all levels are reranked. A node's value is the product of the draft's confidences
 * along its path, kept as a sum of log-probabilities: an estimate of the chance that the target accepts it. Reused from cycle
 * to
 * cycle; not thread-safe.
 */
public final class DynamicDraftTree {

    /** Candidates that a tree has room for at first. */
    private static final int FIRST_ROOM = 128;

    private int[] tokens = new int[FIRST_ROOM];
    private int[] parents = new int[FIRST_ROOM];
    private int[] depths = new int[FIRST_ROOM];
    private float[] values = new float[FIRST_ROOM];
    private int[] places = new int[FIRST_ROOM];
    private int size;
    private int levelStart;
    private int depth;

    private final int[] frontier = new int[DraftTree.MAX_NODES];
    private int frontierSize;

    private long[] order = new long[FIRST_ROOM];
    private int[] nodeOfCandidate = new int[FIRST_ROOM];

    /** Where the answer stands before the tree, null without a grammar; and behind each candidate. */
    private GrammarState root;
    private GrammarState[] states = {};

    /** Starts a new tree of any tokens. */
    public void begin() {
        begin(null);
    }

    /**
     * Starts a new tree.
     *
     * @param grammar where the answer stands in its grammar: candidates that it does not allow are left out; null for none
     */
    public void begin(GrammarState grammar) {
        if (root != null) {
            Arrays.fill(states, 0, Math.min(size, states.length), null); // the grammar may not be needed any more
        }
        root = grammar;
        size = 0;
        levelStart = 0;
        depth = 0;
        frontierSize = 0;
    }

    /**
     * Adds a child of the root.
     *
     * @return false when the grammar does not allow it
     */
    public boolean addToRoot(int token, float logProbability) {
        if (root != null && !allows(root, token)) {
            return false;
        }
        add(token, DraftTree.ROOT, 1, Math.min(0, logProbability));
        return true;
    }

    /** Adds a child of the {@code i}-th node of the frontier, unless the grammar does not allow it. */
    public void addToFrontier(int i, int token, float logProbability) {
        int parent = frontier[i];
        if (root != null && !allows(states[parent], token)) {
            return;
        }
        add(token, parent, depths[parent] + 1, values[parent] + Math.min(0, logProbability));
    }

    /** Also remembers where the token leads, as the next candidate's state. */
    private boolean allows(GrammarState before, int token) {
        if (before == null || !before.allows(token)) {
            return false;
        }
        if (size >= states.length) {
            states = Arrays.copyOf(states, 2 * size + 64);
        }
        states[size] = before.after(token);
        return true;
    }

    private void add(int token, int parent, int nodeDepth, float value) {
        if (size == tokens.length) {
            grow();
        }
        tokens[size] = token;
        parents[size] = parent;
        depths[size] = nodeDepth;
        values[size] = value;
        size++;
    }

    private void grow() {
        int larger = 2 * size;
        tokens = Arrays.copyOf(tokens, larger);
        parents = Arrays.copyOf(parents, larger);
        depths = Arrays.copyOf(depths, larger);
        values = Arrays.copyOf(values, larger);
        places = Arrays.copyOf(places, larger);
        order = Arrays.copyOf(order, larger);
        nodeOfCandidate = Arrays.copyOf(nodeOfCandidate, larger);
    }

    /**
     * Closes the level that was added last: its {@code topK} candidates of highest value become the frontier, to be expanded
     * next.
     *
     * @return the frontier's size
     */
    public int nextFrontier(int topK) {
        frontierSize = rank(levelStart, size, topK);
        for (int i = 0; i < frontierSize; i++) {
            frontier[i] = candidate(order[i]);
            places[frontier[i]] = i;
        }
        levelStart = size;
        depth++;
        return frontierSize;
    }

    /** The first candidate of the level that is being added. */
    public int levelStart() {
        return levelStart;
    }

    /**
     * Closes the level that was added last with a frontier of the caller's choice.
     *
     * @param candidates candidates of this level, in the frontier's order
     * @return the frontier's size
     */
    public int chooseFrontier(int[] candidates, int count) {
        System.arraycopy(candidates, 0, frontier, 0, count);
        for (int i = 0; i < count; i++) {
            places[frontier[i]] = i;
        }
        frontierSize = count;
        levelStart = size;
        depth++;
        return count;
    }

    /** Where in its frontier an expanded candidate stands. */
    public int place(int candidate) {
        return places[candidate];
    }

    public int frontierSize() {
        return frontierSize;
    }

    /** The candidate that is the {@code i}-th node of the frontier. */
    public int frontier(int i) {
        return frontier[i];
    }

    public int frontierToken(int i) {
        return tokens[frontier[i]];
    }

    public float frontierValue(int i) {
        return values[frontier[i]];
    }

    /**
     * Writes the tokens from the root's child down to a frontier node.
     *
     * @param into has room for as many tokens as levels are closed
     */
    public void path(int i, int[] into) {
        for (int node = frontier[i]; node != DraftTree.ROOT; node = parents[node]) {
            into[depths[node] - 1] = tokens[node];
        }
    }

    /** The place in the frontier before this one of a frontier node's parent; the frontier must not be the first. */
    public int parentPlace(int i) {
        return places[parents[frontier[i]]];
    }

    /**
     * Lets a frontier node's row see its ancestors, whose rows lie in the window of the draft.
     *
     * @param levelOffsets window column of the first row of each expanded level, by depth minus one
     */
    public void seeAncestors(StepRequest request, int b, int t, int i, int[] levelOffsets) {
        for (int ancestor = parents[frontier[i]]; ancestor != DraftTree.ROOT; ancestor = parents[ancestor]) {
            request.see(b, t, levelOffsets[depths[ancestor] - 1] + places[ancestor]);
        }
    }

    /** Levels closed so far. */
    public int depth() {
        return depth;
    }

    /** Candidates so far. */
    public int size() {
        return size;
    }

    public int token(int candidate) {
        return tokens[candidate];
    }

    public int parent(int candidate) {
        return parents[candidate];
    }

    public float value(int candidate) {
        return values[candidate];
    }

    /**
     * Ranks all candidates by value, ties to the shallower.
     *
     * @param into receives the highest values in descending order
     * @return how many were written
     */
    public int rankedValues(float[] into) {
        int count = rank(0, size, into.length);
        for (int i = 0; i < count; i++) {
            into[i] = values[candidate(order[i])];
        }
        return count;
    }

    /**
     * Reranks: the {@code nodes} candidates of highest value, ties to the shallower, become the draft tree. A parent's value is
     * never below its child's and it was added earlier, so they form a tree with the root; they stand in order of value.
     */
    public void select(int nodes, DraftTree into) {
        into.clear();
        into.candidates(size);
        int count = rank(0, size, nodes);
        for (int i = 0; i < count; i++) {
            put(candidate(order[i]), into);
        }
    }

    /** The first {@code nodes} of the given candidates become the draft tree; parents must stand before their children. */
    public void take(int[] candidates, int nodes, DraftTree into) {
        into.clear();
        into.candidates(size);
        for (int i = 0; i < nodes; i++) {
            put(candidates[i], into);
        }
    }

    private void put(int candidate, DraftTree into) {
        int parent = parents[candidate];
        nodeOfCandidate[candidate] = into.add(tokens[candidate],
                parent == DraftTree.ROOT ? DraftTree.ROOT : nodeOfCandidate[parent], values[candidate]);
    }

    /**
     * Puts the {@code most} candidates of highest value, ties to the lower index, in front of {@link #order}, best first. Few
     * are wanted of many, and deeper levels seldom have better ones: most candidates cost one comparison with the last that
     * is in.
     *
     * @return how many there are
     */
    private int rank(int from, int to, int most) {
        int count = 0;
        for (int candidate = from; candidate < to; candidate++) {
            long key = key(candidate);
            if (count >= most) {
                if (count == 0 || key > order[count - 1]) {
                    continue;
                }
                count--;
            }
            int place = count++;
            while (place > 0 && order[place - 1] > key) {
                order[place] = order[place - 1];
                place--;
            }
            order[place] = key;
        }
        return count;
    }

    /** Orders by descending value, then ascending index: the lowest key is the best. */
    private long key(int candidate) {
        int bits = Float.floatToRawIntBits(values[candidate]);
        int ascending = bits ^ bits >> 31 & Integer.MAX_VALUE;
        return (long) ~ascending << 32 | candidate;
    }

    private static int candidate(long key) {
        return (int) key;
    }
}
