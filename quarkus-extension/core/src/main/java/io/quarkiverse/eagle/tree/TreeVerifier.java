package io.quarkiverse.eagle.tree;

import java.util.Collection;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenSampler;

/**
 * Walks a draft tree along the target's own choices. At every visited node one token is drawn from the target; a child that
 * carries it is accepted and visited next, otherwise the token ends the walk. Drafting never looks at the draws, so the output
 * is distributed exactly as plain sampling, whatever the tree; with draws that depend on seed and position alone it is the same
 * text. Reused from cycle to cycle; not thread-safe.
 */
public final class TreeVerifier {

    private final int[] rows = new int[DraftTree.MAX_NODES + 1];
    private final int[] emitted = new int[DraftTree.MAX_NODES + 1];
    private int count;
    private int node;

    /** Starts at the root. */
    public void begin() {
        count = 0;
        node = DraftTree.ROOT;
    }

    /**
     * Walks until the target leaves the tree, a token ends the sequence, or the limit is reached.
     *
     * @param b the sequence's place in the step
     * @param position index, in the whole sequence, of the first token to emit
     * @param limit most tokens to emit
     * @param ends whether a token ends the sequence
     * @return false when the full logits of row {@link #row()} are needed first; fetch them and walk again
     */
    public boolean walk(DraftTree tree, StepResult result, int b, TokenSampler sampler, long position, int limit,
            EndTokens ends) {
        while (count < limit) {
            int token = sampler.sample(result, b, row(), position + count);
            if (token == TokenSampler.NEEDS_LOGITS) {
                return false;
            }
            sampler.accept(token);
            rows[count] = row();
            emitted[count++] = token;
            int child = tree.child(node, token);
            if (child < 0 || ends.contains(token)) {
                break;
            }
            node = child;
        }
        return true;
    }

    /** Tokens that end a sequence. */
    @FunctionalInterface
    public interface EndTokens {

        boolean contains(int token);

        /** These few tokens. Every emitted token is asked about, so they are looked through without boxing it. */
        static EndTokens of(Collection<Integer> tokens) {
            int[] ids = tokens.stream().mapToInt(Integer::intValue).toArray();
            return token -> {
                for (int id : ids) {
                    if (id == token) {
                        return true;
                    }
                }
                return false;
            };
        }
    }

    /** The step's row that is visited. */
    public int row() {
        return node + 1;
    }

    /** Tokens emitted. */
    public int count() {
        return count;
    }

    /** The {@code i}-th emitted token. */
    public int emitted(int i) {
        return emitted[i];
    }

    /** The step's row that the {@code i}-th token was drawn at: the accepted path, the root first. */
    public int acceptedRow(int i) {
        return rows[i];
    }
}
