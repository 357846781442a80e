package io.quarkiverse.eagle.sampling;

/**
 * Uniform numbers addressed by (seed, position) instead of drawn one after another. Whoever asks for a position, in whatever
 * order and however often, gets the same number; that is why speculative and plain decoding can draw the same text.
 */
public final class CounterRandom {

    private static final long POSITION_STEP = 0x9E3779B97F4A7C15L;
    private static final long SEED_STEP = 0xD1B54A32D192ED03L;

    private static final long STREAM_STEP = 0x2545F4914F6CDD1DL;

    private CounterRandom() {
    }

    /** The number of this seed and position, uniform in [0, 1), a multiple of 2<sup>-53</sup>. */
    public static double u(long seed, long position) {
        return (bits(seed, position) >>> 11) * 0x1.0p-53;
    }

    /**
     * The seed of another sequence of numbers that has nothing to do with the seed's own.
     *
     * @param number which one, from 1 on
     */
    static long stream(long seed, int number) {
        return mix(mix(seed + SEED_STEP) + number * STREAM_STEP);
    }

    /**
     * Two keyed rounds. The seed enters before the first and, in another form, before the second, so that the sequences of two
     * seeds are not shifted copies of each other.
     */
    private static long bits(long seed, long position) {
        long key = mix(seed + SEED_STEP);
        return mix(mix(key + position * POSITION_STEP) ^ Long.rotateLeft(key, 32) ^ seed);
    }

    /** The 64-bit finaliser of SplitMix64 with the constants of Stafford's variant 13: a bijection with full avalanche. */
    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
