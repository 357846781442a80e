package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * How often the target follows a proposed chain, by kind of chain and by place in it: running frequencies that begin at a guess
 * and forget slowly.
 */
final class ChainCalibration {

    /** What the guesses count, in observations. */
    private static final double PRIOR_WEIGHT = 6;
    /** Observations after which older ones count half. */
    private static final double MEMORY = 256;

    private final double[][] seen;
    private final double[][] followed;

    /** @param kinds chains of kinds 1 to {@code kinds}, the higher the surer */
    ChainCalibration(int kinds, int longest) {
        this.seen = new double[kinds + 1][longest];
        this.followed = new double[kinds + 1][longest];
        for (int kind = 1; kind <= kinds; kind++) {
            Arrays.fill(seen[kind], PRIOR_WEIGHT);
            for (int place = 0; place < longest; place++) {
                // The further a chain was followed, the likelier it goes on.
                followed[kind][place] = PRIOR_WEIGHT * Math.min(0.85, 0.25 + 0.15 * kind + 0.1 * place);
            }
        }
    }

    /** The target came to a place of a chain, all before it confirmed, and went on along it or left it. */
    void saw(int kind, int place, boolean same) {
        if (seen[kind][place] >= MEMORY) {
            seen[kind][place] /= 2;
            followed[kind][place] /= 2;
        }
        seen[kind][place]++;
        followed[kind][place] += same ? 1 : 0;
    }

    /** Writes the cumulative log-probabilities of a chain's tokens, in nats. */
    void values(int kind, int count, float[] into) {
        double value = 0;
        for (int place = 0; place < count; place++) {
            // A place that was never followed may be one day.
            value += Math.log(Math.max(1e-3, followed[kind][place] / seen[kind][place]));
            into[place] = (float) value;
        }
    }
}
