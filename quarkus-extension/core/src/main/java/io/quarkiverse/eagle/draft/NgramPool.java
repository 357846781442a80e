package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * The n-grams that lookahead decoding collected for one sequence, by first token; the newest replace the oldest. Tokens with
 * the
 * same hash share room.
 */
final class NgramPool {

    private static final int BUCKETS = 512;
    private static final int FREE = -1;

    private final int size;
    private final int room;
    /** [bucket][place][token of the n-gram], flat. */
    private final int[] grams;
    private final int[] added = new int[BUCKETS];

    /**
     * @param size tokens of an n-gram
     * @param room n-grams that are kept per bucket
     */
    NgramPool(int size, int room) {
        this.size = size;
        this.room = room;
        this.grams = new int[BUCKETS * room * size];
        clear();
    }

    void clear() {
        Arrays.fill(grams, FREE);
        Arrays.fill(added, 0);
    }

    /** Adds an n-gram unless it is the newest already. */
    void add(int[] gram) {
        int bucket = bucket(gram[0]);
        if (added[bucket] > 0 && Arrays.equals(gram, 0, size, grams, at(bucket, 0), at(bucket, 0) + size)) {
            return;
        }
        System.arraycopy(gram, 0, grams, at(bucket, -1), size);
        added[bucket]++;
    }

    /**
     * The {@code age}-th newest n-gram that shares a bucket with a token.
     *
     * @param into receives it
     * @return false when it begins with another token, or is not there
     */
    boolean get(int first, int age, int[] into) {
        int from = at(bucket(first), age);
        if (grams[from] != first) {
            return false;
        }
        System.arraycopy(grams, from, into, 0, size);
        return true;
    }

    /** Ages that {@link #get} may be asked for: 0 to this, exclusive. */
    int room() {
        return room;
    }

    /** Where the {@code age}-th newest n-gram of a bucket begins; age -1 is the next one's place. */
    private int at(int bucket, int age) {
        return (bucket * room + Math.floorMod(added[bucket] - 1 - age, room)) * size;
    }

    private static int bucket(int token) {
        return (token * 0x9E3779B9) >>> 23;
    }
}
