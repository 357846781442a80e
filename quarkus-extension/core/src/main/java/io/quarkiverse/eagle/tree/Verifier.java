package io.quarkiverse.eagle.tree;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenSampler;

/** Decides, from the target's step over a draft tree, which tokens a cycle brings. */
public sealed interface Verifier permits TreeVerifier, RejectionVerifier {

    /**
     * Walks until the target leaves the tree, a token ends the sequence, or the limit is reached.
     *
     * @param b the sequence's place in the step
     * @param position index, in the whole sequence, of the first token to emit
     * @param limit most tokens to emit
     * @param ends whether a token ends the sequence
     * @return false when the full logits of row {@link #row()} are needed first; fetch them and walk again
     */
    boolean walk(DraftTree tree, StepResult result, int b, TokenSampler sampler, long position, int limit,
            TreeVerifier.EndTokens ends);

    /** The step's row that is visited. */
    int row();

    /** Tokens emitted. */
    int count();

    /** The {@code i}-th emitted token. */
    int emitted(int i);

    /** The step's row that the {@code i}-th token was decided at: the accepted path, the root first. */
    int acceptedRow(int i);
}
