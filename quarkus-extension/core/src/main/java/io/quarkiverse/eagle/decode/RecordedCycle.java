package io.quarkiverse.eagle.decode;

import java.util.Arrays;

import io.quarkiverse.eagle.tree.DraftTree;

/**
 * One draft-verify cycle, kept after the decode loop went on; see {@link CycleListener#verified}.
 *
 * @param root the token that the tree grew from
 * @param tokens the nodes' tokens; parents stand before their children
 * @param parents index of every node's parent, -1 for the root
 * @param values cumulative log-probabilities in nats along the paths, as the drafter saw them
 * @param candidates how many candidates the nodes were chosen from
 * @param accepted indices of the accepted nodes, from the root down
 * @param emitted the tokens that the cycle brought: the accepted ones, and the target's own after them
 */
public record RecordedCycle(int root, int[] tokens, int[] parents, float[] values, int candidates, int[] accepted,
        int[] emitted) {

    /** Copies what a listener is told, which is the decode loop's own. */
    public static RecordedCycle of(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        int size = tree.size();
        int[] tokens = new int[size];
        int[] parents = new int[size];
        float[] values = new float[size];
        for (int node = 0; node < size; node++) {
            tokens[node] = tree.token(node);
            parents[node] = tree.parent(node);
            values[node] = tree.value(node);
        }
        return new RecordedCycle(root, tokens, parents, values, tree.candidates(), Arrays.copyOf(accepted, emittedCount - 1),
                Arrays.copyOf(emitted, emittedCount));
    }

    /** Whether the target took a node. */
    public boolean isAccepted(int node) {
        for (int each : accepted) {
            if (each == node) {
                return true;
            }
        }
        return false;
    }

    /** The node that the target's own token follows, -1 for the root. */
    public int lastAccepted() {
        return accepted.length == 0 ? -1 : accepted[accepted.length - 1];
    }

    /** Whether the cycle brought a token behind the accepted ones. */
    public boolean hasOwnToken() {
        return emitted.length > accepted.length;
    }

    /** The chance of acceptance that the drafter gave a node, in percent. */
    public double percent(int node) {
        return 100 * Math.exp(values[node]);
    }
}
