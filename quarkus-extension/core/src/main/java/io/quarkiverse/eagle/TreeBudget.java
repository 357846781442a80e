package io.quarkiverse.eagle;

/**
 * A fixed size of the draft tree (EAGLE-2, section 4: total tokens, top-k, depth).
 *
 * @param nodes drafted nodes that the target verifies beside the root, 1 to 127
 * @param topK children per expanded node and expanded nodes per level, 1 to 32; never more than the draft engine returns
 * @param depth levels below the root, 1 to 16
 */
public record TreeBudget(int nodes, int topK, int depth) {

    /** What the authors use for 7B and 8B models: 60 nodes, top 10, depth 6. */
    public static final TreeBudget PAPER = new TreeBudget(60, 10, 6);

    public TreeBudget {
        if (nodes < 1 || nodes > 127) {
            throw new InvalidRequestException("nodes is " + nodes + "; it must be between 1 and 127");
        }
        if (topK < 1 || topK > 32) {
            throw new InvalidRequestException("draft top-k is " + topK + "; it must be between 1 and 32");
        }
        if (depth < 1 || depth > 16) {
            throw new InvalidRequestException("depth is " + depth + "; it must be between 1 and 16");
        }
    }
}
