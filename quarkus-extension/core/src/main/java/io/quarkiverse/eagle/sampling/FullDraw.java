package io.quarkiverse.eagle.sampling;

import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.StepResult;

/** Decides a token from the full logits of its row. Always decides; costs a pass over the vocabulary. */
final class FullDraw {

    private final Filter filter;
    private final Penalties penalties;
    private final DescendingLogits logits;

    /**
     * @param filter null decodes greedily
     * @param penalties null for none
     */
    FullDraw(Filter filter, Penalties penalties, int vocabulary) {
        this.filter = filter;
        this.penalties = penalties;
        this.logits = new DescendingLogits(vocabulary);
    }

    int token(StepResult result, int b, int r, double u) {
        if (result.shape().vocabulary() != logits.size()) {
            throw new EngineException("the engine's logits are " + result.shape().vocabulary()
                    + " wide, the sampler was made for " + logits.size() + "; give it the engine's vocabulary");
        }
        logits.load(result.logits(), result.logitsOffset(b, r), penalties);
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
            if (sum > target || rank == filter.candidates() - 1) {
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
        for (int rank = 0; rank < filter.candidates() && sum < needed; rank++) {
            double weight = filter.weight(logits.logit(rank), best);
            if (weight < filter.minP()) {
                break;
            }
            sum += weight;
        }
        return sum;
    }

    private double total(double best) {
        boolean whole = filter.candidates() == logits.size();
        double sum = 0;
        for (int i = 0; i < filter.candidates(); i++) {
            sum += filter.weight(whole ? logits.unordered(i) : logits.logit(i), best);
        }
        return sum;
    }
}
