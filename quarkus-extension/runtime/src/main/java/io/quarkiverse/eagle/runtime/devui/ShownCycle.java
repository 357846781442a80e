package io.quarkiverse.eagle.runtime.devui;

import java.util.List;

/**
 * A draft-verify cycle as the Dev UI draws it.
 *
 * @param number counted from 1
 * @param root the text of the token that the tree grew from
 * @param nodes parents before their children
 * @param candidates how many candidates the nodes were chosen from
 * @param emitted the texts of the tokens that the cycle brought: the accepted nodes', and the target's own after them
 */
public record ShownCycle(int number, String root, List<Node> nodes, int candidates, List<String> emitted) {

    /**
     * A node of the draft tree.
     *
     * @param text the token's text
     * @param token the token's id
     * @param parent index of the parent, -1 for the root
     * @param percent the chance of acceptance that the drafter gave it
     * @param accepted whether the target took it
     */
    public record Node(String text, int token, int parent, double percent, boolean accepted) {
    }
}
