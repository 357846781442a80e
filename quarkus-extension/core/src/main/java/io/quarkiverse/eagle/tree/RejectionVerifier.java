package io.quarkiverse.eagle.tree;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenDistribution;
import io.quarkiverse.eagle.sampling.TokenSampler;

/**
 * Verifies a chain by the rule of speculative sampling (arXiv 2211.17192, section 2.3 and algorithm 1; 2302.01318, algorithm
 * 2). The draft drew every token x from its distribution q, and p is the target's, both after penalties, temperature and cuts:
 * <ul>
 * <li>x is accepted with probability min(1, p(x) / q(x));
 * <li>the first token that is not accepted is replaced by a draw from norm(max(0, p − q)), which ends the walk;
 * <li>behind a chain that is accepted whole, one more token is drawn from p, as plain decoding does.
 * </ul>
 * Then every token is distributed by p (2211.17192, appendix A.1), provided that nothing that depends on a drafted token
 * decides whether that token is in the chain. Reused from cycle to cycle; not thread-safe.
 */
public final class RejectionVerifier implements Verifier {

    private static final int[] NOTHING = {};

    private final int[] emitted = new int[DraftTree.MAX_NODES + 1];
    private final TokenDistribution p = new TokenDistribution();
    /** [vocabulary], all 0 between draws. */
    private double[] byToken = {};
    private DraftedChain chain;
    private int count;

    /** Starts at the root of a chain. */
    public void begin(DraftedChain drafted) {
        chain = drafted;
        count = 0;
    }

    @Override
    public boolean walk(DraftTree tree, StepResult result, int b, TokenSampler sampler, long position, int limit,
            TreeVerifier.EndTokens ends) {
        boolean accepts = true;
        while (accepts && count < limit) {
            boolean drafted = count < tree.size();
            int token;
            if (drafted) {
                if (!sampler.distribution(result, b, row(), NOTHING, 0, p)) {
                    return false;
                }
                token = tree.token(count);
                TokenDistribution q = chain.source(count);
                accepts = sampler.acceptanceNumber(position + count) * q.probability(token) < p.probability(token);
                if (!accepts) {
                    token = p.drawExcess(q, sampler.number(position + count), byToken(result.shape().vocabulary()));
                }
            } else {
                token = sampler.sample(result, b, row(), position + count);
                if (token == TokenSampler.NEEDS_LOGITS) {
                    return false;
                }
            }
            sampler.accept(token);
            emitted[count++] = token;
            accepts &= drafted && !ends.contains(token);
        }
        return true;
    }

    private double[] byToken(int vocabulary) {
        if (byToken.length < vocabulary) {
            byToken = new double[vocabulary];
        }
        return byToken;
    }

    /** Row {@code i} of a chain is the one before node {@code i}. */
    @Override
    public int row() {
        return count;
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
        return i;
    }
}
