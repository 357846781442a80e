package io.quarkiverse.eagle.draft;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The shape of a static draft tree (EAGLE, arXiv 2401.15077): every node is named by the ranks of the tokens on its path among
 * their siblings, best first. The shape does not depend on the context.
 */
public final class StaticTree {

    /** The authors' shape for 7B models, 26 nodes where the paper's figure counts the root. */
    public static final StaticTree PUBLISHED = new StaticTree(List.of(List.of(0), List.of(1), List.of(2), List.of(3),
            List.of(0, 0), List.of(0, 1), List.of(0, 2), List.of(1, 0), List.of(1, 1), List.of(2, 0), List.of(2, 1),
            List.of(3, 0), List.of(0, 0, 0), List.of(0, 0, 1), List.of(0, 0, 2), List.of(0, 1, 0), List.of(0, 1, 1),
            List.of(0, 2, 0), List.of(0, 2, 1), List.of(1, 0, 0), List.of(0, 0, 0, 0), List.of(0, 0, 0, 1),
            List.of(0, 0, 0, 2), List.of(0, 0, 0, 0, 0), List.of(0, 0, 0, 0, 1)));

    private final int[] parents;
    private final int[] ranks;
    private final int[] depths;
    private final boolean[] expanded;

    /**
     * @param paths the nodes' ranks from the root down, parents before their children and shallower nodes before deeper ones
     * @throws IllegalArgumentException when a node has no parent, stands twice or stands before a shallower one
     */
    public StaticTree(List<List<Integer>> paths) {
        int size = paths.size();
        this.parents = new int[size];
        this.ranks = new int[size];
        this.depths = new int[size];
        this.expanded = new boolean[size];
        List<List<Integer>> known = new ArrayList<>();
        for (int node = 0; node < size; node++) {
            List<Integer> path = paths.get(node);
            int depth = path.size();
            List<Integer> above = depth == 0 ? List.of() : path.subList(0, depth - 1);
            int parent = known.indexOf(above);
            if (depth == 0 || path.get(depth - 1) < 0 || known.contains(path) || depth > 1 && parent < 0
                    || node > 0 && depths[node - 1] > depth) {
                throw new IllegalArgumentException("node " + path + " of a static tree has no parent before it, stands twice,"
                        + " or stands behind a deeper node; list every node once, level by level");
            }
            known.add(path);
            parents[node] = depth == 1 ? -1 : parent;
            ranks[node] = path.get(depth - 1);
            depths[node] = depth;
            if (depth > 1) {
                expanded[parent] = true;
            }
        }
    }

    /** Nodes beside the root. */
    public int size() {
        return parents.length;
    }

    /** Children that the root or a node has at most, by rank: what a head has to return. */
    int widest() {
        return Arrays.stream(ranks).max().orElse(-1) + 1;
    }

    /** The parent of a node, -1 for the root. */
    int parent(int node) {
        return parents[node];
    }

    /** Which of its siblings a node is, the best being 0. */
    int rank(int node) {
        return ranks[node];
    }

    /** The node's level, 1 below the root. */
    int depth(int node) {
        return depths[node];
    }

    /** Whether a node has children. */
    boolean isExpanded(int node) {
        return expanded[node];
    }
}
