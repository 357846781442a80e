package io.quarkiverse.eagle.grammar;

/** Some of the 256 bytes, as unsigned numbers. Immutable. */
final class ByteSet {

    private final long[] words = new long[4];

    private ByteSet() {
    }

    static ByteSet of(int... bytes) {
        ByteSet set = new ByteSet();
        for (int value : bytes) {
            set.add(value);
        }
        return set;
    }

    /** These characters, which must be ASCII. */
    static ByteSet of(String characters) {
        return of(characters.chars().toArray());
    }

    /** From the first to the last, both included. */
    static ByteSet range(int first, int last) {
        ByteSet set = new ByteSet();
        for (int value = first; value <= last; value++) {
            set.add(value);
        }
        return set;
    }

    ByteSet or(ByteSet other) {
        ByteSet set = new ByteSet();
        for (int i = 0; i < words.length; i++) {
            set.words[i] = words[i] | other.words[i];
        }
        return set;
    }

    ByteSet without(ByteSet other) {
        ByteSet set = new ByteSet();
        for (int i = 0; i < words.length; i++) {
            set.words[i] = words[i] & ~other.words[i];
        }
        return set;
    }

    private void add(int value) {
        words[value >> 6] |= 1L << value;
    }

    boolean contains(int value) {
        return (words[value >> 6] & 1L << value) != 0;
    }
}
