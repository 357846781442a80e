package io.quarkiverse.eagle.draft;

import java.util.Arrays;

/**
 * Finds where the last tokens of a sequence stood before. Every token is linked to the one before it with the same hash, so
 * that
 * reading a token and finding a match cost no search through the context. Reused from sequence to sequence.
 */
final class TokenHistory {

    private static final int BUCKETS = 4096;
    private static final int NONE = -1;

    private final int[] newest = new int[BUCKETS];
    private int[] tokens = new int[512];
    private int[] before = new int[512];
    private int length;
    /** Index of the earlier occurrence's last token. */
    private int matched = NONE;

    TokenHistory() {
        clear();
    }

    void clear() {
        Arrays.fill(newest, NONE);
        length = 0;
        matched = NONE;
    }

    /** Reads the tokens of a sequence that were not read yet. */
    void readUpTo(Draftable sequence) {
        int to = sequence.length();
        if (to > tokens.length) {
            int larger = Math.max(to, 2 * tokens.length);
            tokens = Arrays.copyOf(tokens, larger);
            before = Arrays.copyOf(before, larger);
        }
        for (; length < to; length++) {
            int token = sequence.token(length);
            int bucket = bucket(token);
            tokens[length] = token;
            before[length] = newest[bucket];
            newest[bucket] = length;
        }
    }

    /**
     * Looks for the last tokens, the longest run first, the most recent place of it.
     *
     * @param most tokens of the longest run that is looked for
     * @return tokens of the run that was found, 0 for none
     */
    int longestMatch(int most) {
        matched = NONE;
        int longest = 0;
        if (length == 0) {
            return 0;
        }
        for (int end = before[length - 1]; end != NONE && longest < most; end = before[end]) {
            int run = 0;
            while (run < most && run <= end && tokens[end - run] == tokens[length - 1 - run]) {
                run++;
            }
            if (run > longest) {
                longest = run;
                matched = end;
            }
        }
        return longest;
    }

    /**
     * Copies what followed the match.
     *
     * @return how many tokens were written
     */
    int following(int[] into) {
        if (matched == NONE) {
            return 0;
        }
        int count = Math.min(into.length, length - 1 - matched);
        System.arraycopy(tokens, matched + 1, into, 0, count);
        return count;
    }

    private static int bucket(int token) {
        return (token * 0x9E3779B9) >>> 20;
    }
}
