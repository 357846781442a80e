package io.quarkiverse.eagle.sampling;

import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.AllowedTokens;

/** Decides a token from the full logits of its row. Always decides; costs a pass over the vocabulary. */
final class FullDraw {

    private final Filter filter;
    private final Penalties penalties;
    private final DescendingLogits logits;
    /** Tokens that top-k leaves of the row. */
    private int candidates;

    /**
     * @param filter null decodes greedily
     * @param penalties null for none
     */
    FullDraw(Filter filter, Penalties penalties, int vocabulary) {
        this.filter = filter;
        this.penalties = penalties;
        this.logits = new DescendingLogits(vocabulary);
    }

    /** @param allowed the tokens that can be drawn, at least one; null for all */
    int token(StepResult result, int b, int r, double u, AllowedTokens allowed) {
        double best = load(result, b, r, allowed);
        return filter == null ? logits.id(0) : draw(best, u * keptMass(best));
    }

    /** What the token is drawn from; not for greedy decoding. */
    void distribution(StepResult result, int b, int r, TokenDistribution into) {
        double best = load(result, b, r, null);
        into.begin();
        if (candidates == logits.size() && filter.topP() == 1 && filter.minP() == 0) {
            for (int i = 0; i < logits.size(); i++) {
                into.add(logits.unorderedId(i), filter.weight(logits.unordered(i), best));
            }
        } else {
            keep(best, into);
        }
    }

    /** Loads a row; returns its best logit. */
    private double load(StepResult result, int b, int r, AllowedTokens allowed) {
        if (result.shape().vocabulary() != logits.capacity()) {
            throw new EngineException("the engine's logits are " + result.shape().vocabulary()
                    + " wide, the sampler was made for " + logits.capacity() + "; give it the engine's vocabulary");
        }
        logits.load(result.logits(), result.logitsOffset(b, r), penalties, allowed);
        candidates = filter == null ? 0 : Math.min(filter.candidates(), logits.size());
        return TokenSampler.requireFinite(logits.logit(0), b, r);
    }

    private int draw(double best, double target) {
        double sum = 0;
        for (int rank = 0;; rank++) {
            double weight = filter.weight(logits.logit(rank), best);
            if (weight == 0) {
                return logits.id(rank - 1); // rounding left the target above the whole sum
            }
            sum += weight;
            if (sum > target || rank == candidates - 1) {
                return logits.id(rank);
            }
        }
    }

    private double keptMass(double best) {
        return filter.topP() == 1 && filter.minP() == 0 ? total(best) : keep(best, null);
    }

    /**
     * Looks through the tokens that top-k, top-p and min-p keep.
     *
     * @param into gets them, null for their mass alone
     * @return their mass
     */
    private double keep(double best, TokenDistribution into) {
        double needed = filter.topP() == 1 ? Double.POSITIVE_INFINITY : filter.needed(total(best));
        double sum = 0;
        for (int rank = 0; rank < candidates && sum < needed; rank++) {
            double weight = filter.weight(logits.logit(rank), best);
            if (weight < filter.minP()) {
                break;
            }
            sum += weight;
            if (into != null) {
                into.add(logits.id(rank), weight);
            }
        }
        return sum;
    }

    private double total(double best) {
        boolean whole = candidates == logits.size();
        double sum = 0;
        for (int i = 0; i < candidates; i++) {
            sum += filter.weight(whole ? logits.unordered(i) : logits.logit(i), best);
        }
        return sum;
    }
}
