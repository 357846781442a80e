package io.quarkiverse.eagle.sampling;

import java.util.Arrays;

/**
 * What a token is drawn from after penalties, temperature and cuts: the tokens that are kept and their probabilities. Filled by
 * {@link TokenSampler#distribution} and reused from row to row. Not thread-safe.
 */
public final class TokenDistribution {

    /** In the order in which they were added, as the weights; an order that depends on the row alone. */
    private int[] tokens = {};
    private double[] weights = {};
    private int size;
    private double total;

    void begin() {
        size = 0;
        total = 0;
    }

    /** @param weight relative to the others; a token without any is left out */
    void add(int token, double weight) {
        if (weight == 0) {
            return;
        }
        if (size == tokens.length) {
            int larger = Math.max(64, 2 * size);
            tokens = Arrays.copyOf(tokens, larger);
            weights = Arrays.copyOf(weights, larger);
        }
        tokens[size] = token;
        weights[size++] = weight;
        total += weight;
    }

    /** A token's probability; 0 for one that is not kept. */
    public double probability(int token) {
        for (int i = 0; i < size; i++) {
            if (tokens[i] == token) {
                return weights[i] / total;
            }
        }
        return 0;
    }

    /** Draws by inverse CDF, with a uniform number of [0, 1). */
    public int draw(double u) {
        double target = u * total;
        double sum = 0;
        for (int i = 0; i < size; i++) {
            sum += weights[i];
            if (sum > target) {
                return tokens[i];
            }
        }
        return tokens[size - 1]; // rounding left the target at the whole sum
    }

    /**
     * Draws from what this distribution p has more than another one q: norm(max(0, p − q)) (arXiv 2211.17192, section 2.3).
     *
     * @param byToken [vocabulary], all 0 before and after: room to look up q
     * @param u a uniform number of [0, 1)
     */
    public int drawExcess(TokenDistribution other, double u, double[] byToken) {
        for (int i = 0; i < other.size; i++) {
            byToken[other.tokens[i]] = other.weights[i] / other.total;
        }
        double mass = 0;
        for (int i = 0; i < size; i++) {
            mass += excess(i, byToken);
        }
        int drawn = -1;
        double sum = 0;
        for (int i = 0; i < size && sum <= u * mass; i++) {
            double excess = excess(i, byToken);
            if (excess > 0) {
                sum += excess;
                drawn = tokens[i];
            }
        }
        for (int i = 0; i < other.size; i++) {
            byToken[other.tokens[i]] = 0;
        }
        // Two distributions that differ in their last bits only may leave no excess at all.
        return drawn < 0 ? draw(u) : drawn;
    }

    private double excess(int i, double[] byToken) {
        return Math.max(0, weights[i] / total - byToken[tokens[i]]);
    }
}
