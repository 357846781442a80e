package io.quarkiverse.eagle.benchmark;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.engine.StepResult;

/**
 * The most probable tokens of a row.
 *
 * @param ids distinct tokens
 * @param logProbabilities of the tokens, descending, in nats
 */
record Distribution(int[] ids, float[] logProbabilities) {

    /**
     * Draws a distribution by Zipf's law over the vocabulary. In two of five the best token has most of the mass, in two about
     * three quarters, in one half.
     *
     * @param count most probable tokens to tell
     * @param first the best of them, in order; the others are drawn
     */
    static Distribution random(int count, IntStream first, SplittableRandom random) {
        double kind = random.nextDouble();
        double exponent = kind < 0.4 ? random.nextDouble(3.5, 6)
                : kind < 0.8 ? random.nextDouble(1.9, 3.5) : random.nextDouble(1.55, 1.9);
        double mass = zipfMass(exponent);
        float[] logProbabilities = new float[count];
        for (int i = 0; i < count; i++) {
            logProbabilities[i] = (float) (-exponent * Math.log(i + 1) - Math.log(mass));
        }
        int[] ids = IntStream.concat(first, random.ints(0, DraftOutputs.VOCABULARY)).distinct().limit(count).toArray();
        return new Distribution(ids, logProbabilities);
    }

    /** The sum of all ranks' weights, by the integral where they are small. */
    private static double zipfMass(double exponent) {
        int summed = 100;
        double head = IntStream.rangeClosed(1, summed).mapToDouble(rank -> Math.pow(rank, -exponent)).sum();
        double tail = (Math.pow(summed + 0.5, 1 - exponent) - Math.pow(DraftOutputs.VOCABULARY, 1 - exponent)) / (exponent - 1);
        return head + tail;
    }

    /** @param logZ how far the row's logits lie above its log-probabilities */
    void write(StepResult into, int row, float logZ) {
        for (int i = 0; i < ids.length; i++) {
            into.topIds().put(row * ids.length + i, ids[i]);
            into.topLogits().put(row * ids.length + i, logProbabilities[i] + logZ);
        }
        into.logZ().put(row, logZ);
    }
}
