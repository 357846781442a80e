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
        if (result.shape().vocabulary() != logits.capacity()) {
            throw new EngineException("the engine's logits are " + result.shape().vocabulary()
                    + " wide, the sampler was made for " + logits.capacity() + "; give it the engine's vocabulary");
        }
        logits.load(result.logits(), result.logitsOffset(b, r), penalties, allowed);
        candidates = filter == null ? 0 : Math.min(filter.candidates(), logits.size());
        double best = TokenSampler.requireFinite(logits.logit(0), b, r);
        return filter == null ? logits.id(0) : draw(best, u * keptMass(best));
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
        double total = total(best);
        if (filter.topP() == 1 && filter.minP() == 0) {
            return total;
        }
        double needed = filter.topP() == 1 ? Double.POSITIVE_INFINITY : filter.needed(total);
        double sum = 0;
        for (int rank = 0; rank < candidates && sum < needed; rank++) {
            double weight = filter.weight(logits.logit(rank), best);
            if (weight < filter.minP()) {
                break;
            }
            sum += weight;
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
