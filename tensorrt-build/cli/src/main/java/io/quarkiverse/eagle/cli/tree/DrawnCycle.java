package io.quarkiverse.eagle.cli.tree;

/**
 * One draft-verify cycle.
 *
 * @param root the token that the tree grew from
 * @param tokens the nodes' tokens; parents stand before their children
 * @param parents index of every node's parent, -1 for the root
 * @param values cumulative log-probabilities in nats along the paths, as the drafter saw them
 * @param candidates how many candidates the nodes were chosen from
 * @param accepted indices of the accepted nodes, from the root down
 * @param emitted the tokens that the cycle brought: the accepted ones, and the target's own after them
 */
public record DrawnCycle(int root, int[] tokens, int[] parents, float[] values, int candidates, int[] accepted,
        int[] emitted) {

    /** Whether the target took a node. */
    boolean isAccepted(int node) {
        for (int each : accepted) {
            if (each == node) {
                return true;
            }
        }
        return false;
    }

    /** The node that the target's own token follows, -1 for the root. */
    int lastAccepted() {
        return accepted.length == 0 ? -1 : accepted[accepted.length - 1];
    }

    /** Whether the cycle brought a token behind the accepted ones. */
    boolean hasOwnToken() {
        return emitted.length > accepted.length;
    }

    /** The chance of acceptance that the drafter gave a node, in percent. */
    double percent(int node) {
        return 100 * Math.exp(values[node]);
    }
}
