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
public final class TreeVerifier implements Verifier {

    private final int[] rows = new int[DraftTree.MAX_NODES + 1];
    private final int[] emitted = new int[DraftTree.MAX_NODES + 1];
    private int count;
    private int node;

    /** Starts at the root. */
    public void begin() {
        count = 0;
        node = DraftTree.ROOT;
    }

    @Override
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

    @Override
    public int row() {
        return node + 1;
    }

    @Override
    public int count() {
        return count;
    }

    @Override
    public int emitted(int i) {
        return emitted[i];
    }

    @Override
    public int acceptedRow(int i) {
        return rows[i];
    }
}
