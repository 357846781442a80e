package io.quarkiverse.eagle.sampling;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;

/**
 * Decides a token from the row's top k and its log_z, when these leave no doubt about what the full logits would decide.
 * <p>
 * The candidates' whole mass is known exactly when all of them are among the top k; otherwise it lies between two bounds. Both
 * the kept mass and the token drawn grow with it, so where both bounds draw the same token, that token is the answer.
 */
final class TopDraw {

    /** Relative error allowed to exp(log_z), beyond the last bits of log_z itself: engines sum it in float. */
    private static final double LOG_Z_ERROR = 1e-5;
    /** Relative error allowed to sums in double that were added up in another order. */
    private static final double SUM_ERROR = 1e-12;

    private final Filter filter;
    private final Penalties penalties;
    private final int vocabulary;

    /** [top k]: entries of {@link DescendingLogits}, penalised, descending. */
    private long[] ranked = {};
    /** [top k + 1]: weight of the first i ranked tokens. */
    private double[] mass = {};
    private int top;
    /** How many of the top k can be drawn. */
    private int inside;
    /** The most tokens outside the top k that can be drawn. */
    private int outside;
    /** How many ranked tokens surely come before all tokens outside the top k. */
    private int known;
    /** Least and greatest weight of all candidates. */
    private double low;
    private double high;

    /**
     * @param filter null decodes greedily
     * @param penalties null for none; they must only lower logits
     */
    TopDraw(Filter filter, Penalties penalties, int vocabulary) {
        this.filter = filter;
        this.penalties = penalties;
        this.vocabulary = vocabulary;
    }

    /**
     * The token, or {@link TokenSampler#NEEDS_LOGITS} in doubt.
     *
     * @param allowed says which tokens can be drawn, null for all
     */
    int token(StepResult result, int b, int r, double u, GrammarState allowed) {
        rank(result, b, r, allowed);
        if (known == 0) {
            return TokenSampler.NEEDS_LOGITS;
        }
        double best = TokenSampler.requireFinite(DescendingLogits.logitOf(ranked[0]), b, r);
        if (filter == null) {
            return DescendingLogits.idOf(ranked[0]);
        }
        int count = Math.min(known, filter.candidates());
        int passing = weigh(count, best);
        total(result, b, r, count, best, allowed != null);
        int drawn = draw(u * keptMass(low, count, passing, false), count);
        if (drawn == count || drawn != draw(u * keptMass(high, count, passing, true), count)) {
            return TokenSampler.NEEDS_LOGITS;
        }
        return DescendingLogits.idOf(ranked[drawn]);
    }

    /** What the token is drawn from; false where a cut is in doubt or lies beyond the known tokens. Not for greedy decoding. */
    boolean distribution(StepResult result, int b, int r, TokenDistribution into) {
        rank(result, b, r, null);
        if (known == 0) {
            return false;
        }
        double best = TokenSampler.requireFinite(DescendingLogits.logitOf(ranked[0]), b, r);
        int count = Math.min(known, filter.candidates());
        int passing = weigh(count, best);
        total(result, b, r, count, best, false);
        int kept = kept(low, passing);
        if (kept != kept(high, passing) || !isCut(kept, low, count, passing) || !isCut(kept, high, count, passing)) {
            return false;
        }
        into.begin();
        for (int i = 0; i < kept; i++) {
            into.add(DescendingLogits.idOf(ranked[i]), filter.weight(DescendingLogits.logitOf(ranked[i]), best));
        }
        return true;
    }

    private void rank(StepResult result, int b, int r, GrammarState allowed) {
        top = Math.min(result.shape().topK(), vocabulary);
        if (ranked.length < top) {
            ranked = new long[top];
            mass = new double[top + 1];
        }
        inside = 0;
        for (int i = 0; i < top; i++) {
            int id = result.topId(b, r, i);
            if (allowed != null && !allowed.allows(id)) {
                continue;
            }
            float logit = result.topLogit(b, r, i);
            long entry = DescendingLogits.entry(penalties == null ? logit : penalties.apply(id, logit), id);
            int at = inside++;
            while (at > 0 && ranked[at - 1] < entry) {
                ranked[at] = ranked[at - 1];
                at--;
            }
            ranked[at] = entry;
        }
        outside = allowed == null || allowed.count() < 0 ? vocabulary - top : allowed.count() - inside;
        known = inside;
        if (penalties != null && outside > 0) {
            float last = result.topLogit(b, r, top - 1);
            while (known > 0 && DescendingLogits.logitOf(ranked[known - 1]) <= last) {
                known--;
            }
        }
    }

    /** Fills {@link #mass}; returns how many of the first {@code count} tokens pass min-p. */
    private int weigh(int count, double best) {
        int passing = 0;
        for (int i = 0; i < count; i++) {
            double weight = filter.weight(DescendingLogits.logitOf(ranked[i]), best);
            mass[i + 1] = mass[i] + weight;
            if (weight >= filter.minP()) {
                passing = i + 1;
            }
        }
        return passing;
    }

    /** Fills {@link #low} and {@link #high}, which are the same when all candidates are known. */
    private void total(StepResult result, int b, int r, int count, double best, boolean restricted) {
        if (count == filter.candidates()) {
            low = mass[count];
            high = low;
        } else {
            bound(result, b, r, count, best, restricted);
        }
    }

    /**
     * Bounds the candidates' mass when some lie outside the known tokens. At temperature 1 the mass outside the top k is known
     * from log_z. With a = 1/temperature it becomes Σ w<sup>a</sup>, where no w exceeds the last one of the top k; that and
     * Jensen's inequality for x<sup>a</sup> bound it from both sides, for a above 1 the first from above, below 1 from below.
     */
    private void bound(StepResult result, int b, int r, int count, double best, boolean restricted) {
        double a = filter.inverseTemperature();
        double first = result.topLogit(b, r, 0);
        double last = result.topLogit(b, r, top - 1);
        double weightInside = 0;
        for (int i = 0; i < top; i++) {
            weightInside += Math.exp(result.topLogit(b, r, i) - first);
        }
        float logZ = result.logZ(b, r);
        double error = LOG_Z_ERROR + 4 * Math.ulp(logZ);
        double all = Math.exp(logZ - first);
        double most = outside * Math.exp(last - first);
        double atLeast = Math.min(Math.max(all * (1 - error) - weightInside, 0), most);
        double atMost = Math.min(Math.max(all * (1 + error) - weightInside, 0), most);

        double tailLow = 0;
        double tailHigh = 0;
        if (atMost > 0) {
            double byLast = Math.exp(a * (last - best) - (last - first));
            double share = a * (first - best);
            tailLow = Math.min(atLeast * byLast, outside * Math.exp(share + a * Math.log(atLeast / outside)));
            tailHigh = Math.max(atMost * byLast, outside * Math.exp(share + a * Math.log(atMost / outside)));
        }
        if (penalties != null || restricted) {
            tailLow = 0; // any of the tokens outside may have been lowered, by any amount, or have next to no mass
        }
        for (int i = known; i < inside; i++) {
            double weight = filter.weight(DescendingLogits.logitOf(ranked[i]), best);
            tailLow += weight;
            tailHigh += weight;
        }
        if (filter.candidates() < vocabulary) {
            int missing = filter.candidates() - count;
            tailLow *= (double) missing / (vocabulary - count);
            tailHigh = Math.min(tailHigh, missing * filter.weight(last, best));
        }
        low = (mass[count] + tailLow) * (1 - SUM_ERROR);
        high = (mass[count] + tailHigh) * (1 + SUM_ERROR);
    }

    /**
     * Mass that top-p and min-p keep if the candidates weigh {@code total}; where the cut lies beyond the known tokens, the
     * least or the greatest mass that it can keep.
     */
    private double keptMass(double total, int count, int passing, boolean greatest) {
        int kept = kept(total, passing);
        if (isCut(kept, total, count, passing)) {
            return mass[kept];
        }
        double needed = filter.needed(total);
        if (greatest) {
            return Math.min(total, needed + mass[count] - mass[count - 1]);
        }
        return filter.minP() > 0 ? mass[count] : needed;
    }

    /** How many of the known tokens top-p and min-p keep if the candidates weigh {@code total}. */
    private int kept(double total, int passing) {
        double needed = filter.needed(total);
        int kept = 1;
        while (kept < passing && mass[kept] < needed) {
            kept++;
        }
        return kept;
    }

    /** Whether no token beyond the known ones is kept. */
    private boolean isCut(int kept, double total, int count, int passing) {
        return mass[kept] >= filter.needed(total) || passing < count || count == filter.candidates();
    }

    private int draw(double target, int count) {
        int i = 0;
        while (i < count && mass[i + 1] <= target) {
            i++;
        }
        return i;
    }
}
