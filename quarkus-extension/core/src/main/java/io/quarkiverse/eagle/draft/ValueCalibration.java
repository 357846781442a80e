package io.quarkiverse.eagle.draft;

/**
 * What the draft's values are worth: how often nodes of a value were accepted, in buckets of the value's logarithm, against how
 * often they should have been if values were chances. Older nodes count less and less. A bucket that has seen little follows
 * the correction that all of them share. Between the buckets' middles the correction is linear.
 */
final class ValueCalibration {

    /** Middles of the buckets: cumulative log-probabilities, descending, in nats. */
    private static final float[] MIDDLES = { 0, -0.15f, -0.4f, -0.8f, -1.3f, -2, -3, -4, -5.5f, -7.5f, -10 };
    /** What a bucket keeps of its counts with every further node. */
    private static final double KEEP = 0.995;
    /** Expected acceptances for which the shared correction stands in a bucket. */
    private static final double PRIOR = 4;
    private static final double MOST = 4;

    private final double[] accepted = new double[MIDDLES.length];
    private final double[] expected = new double[MIDDLES.length];

    /** A verified node of this value was accepted or not. */
    void saw(float logProbability, boolean wasAccepted) {
        int bucket = nearest(logProbability);
        accepted[bucket] = KEEP * accepted[bucket] + (wasAccepted ? 1 : 0);
        expected[bucket] = KEEP * expected[bucket] + Math.exp(logProbability);
    }

    /**
     * What a value is to be multiplied with to be a chance.
     *
     * @param shared the correction of all values, for those that have been seen little
     */
    double correction(float logProbability, double shared) {
        int below = 0;
        while (below < MIDDLES.length && MIDDLES[below] > logProbability) {
            below++;
        }
        if (below == 0 || below == MIDDLES.length) {
            return bucket(Math.min(below, MIDDLES.length - 1), shared);
        }
        double share = (MIDDLES[below - 1] - logProbability) / (MIDDLES[below - 1] - MIDDLES[below]);
        double above = bucket(below - 1, shared);
        return above + share * (bucket(below, shared) - above);
    }

    private double bucket(int i, double shared) {
        return expected[i] == 0 ? shared : Math.min(MOST, (accepted[i] + PRIOR * shared) / (expected[i] + PRIOR));
    }

    private static int nearest(float logProbability) {
        int bucket = 0;
        while (bucket + 1 < MIDDLES.length
                && MIDDLES[bucket] - logProbability > logProbability - MIDDLES[bucket + 1]) {
            bucket++;
        }
        return bucket;
    }
}
