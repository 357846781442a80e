package io.quarkiverse.eagle.tree;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenDistribution;
import io.quarkiverse.eagle.sampling.TokenSampler;

/**
 * A chain that a draft draws from distributions of its own, and these distributions, which the {@link RejectionVerifier} needs
 * beside the tokens. Node {@code i} of the draft tree is the chain's token {@code i}. Reused from cycle to cycle; not
 * thread-safe.
 */
public final class DraftedChain {

    private final TokenSampler sampler;
    /** What the chain's tokens were drawn from, in order; grows with the longest chain. */
    private final List<TokenDistribution> sources = new ArrayList<>();
    /** Tokens that were decided before the verification was interrupted. */
    private int decided;

    /** @param sampler of the sequence that the chain continues: its options, seed, and tokens so far */
    public DraftedChain(TokenSampler sampler) {
        this.sampler = sampler;
    }

    /**
     * Draws the chain's next token from a row of the draft's logits.
     *
     * @param b the sequence's place in the draft's step
     * @param r the output row
     * @param root index, in the whole sequence, of the chain's first token
     * @param chain the tokens drawn before
     * @param count how many they are; 0 begins another chain
     * @return the token, or {@link TokenSampler#NEEDS_LOGITS}: bring the row's full logits and draw again
     */
    public int draw(StepResult result, int b, int r, int root, int[] chain, int count) {
        if (count == 0) {
            decided = 0;
        }
        if (count == sources.size()) {
            sources.add(new TokenDistribution());
        }
        TokenDistribution source = sources.get(count);
        return sampler.distribution(result, b, r, chain, count, source) ? source.draw(sampler.draftNumber(root, root + count))
                : TokenSampler.NEEDS_LOGITS;
    }

    /** The chain's first tokens are decided; its tree was cut down to the others. */
    public void decided(int count) {
        decided += count;
    }

    /** What the token of a node was drawn from. */
    TokenDistribution source(int node) {
        return sources.get(decided + node);
    }
}
