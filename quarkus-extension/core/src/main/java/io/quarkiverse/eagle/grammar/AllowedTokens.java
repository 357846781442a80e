package io.quarkiverse.eagle.grammar;

/** A set of tokens. Immutable. */
public final class AllowedTokens {

    private final long[] words;
    private final int size;

    AllowedTokens(long[] words) {
        this.words = words;
        int count = 0;
        for (long word : words) {
            count += Long.bitCount(word);
        }
        this.size = count;
    }

    public boolean contains(int token) {
        return token >> 6 < words.length && (words[token >> 6] & 1L << token) != 0;
    }

    /** How many there are. */
    public int size() {
        return size;
    }

    /** The lowest token from this one on, -1 when there is none. */
    public int next(int from) {
        int i = from >> 6;
        if (i >= words.length) {
            return -1;
        }
        long word = words[i] & -1L << from;
        while (word == 0) {
            if (++i == words.length) {
                return -1;
            }
            word = words[i];
        }
        return (i << 6) + Long.numberOfTrailingZeros(word);
    }
}
