package io.quarkiverse.eagle.decode;

import java.util.function.IntUnaryOperator;

/**
 * Remembers which replica read a beginning last, as a hint: what it says may be gone, or be forgotten. Of a prompt's beginnings
 * those of some lengths are known, multiples of {@value #MARK} tokens that grow by an eighth, so that at most an eighth of what
 * two prompts have in common, or {@value #MARK} tokens, goes unnoticed, and a prompt of any length has some dozens of them.
 * Thread-safe; every call is short.
 */
final class PrefixHomes {

    /** Tokens of the shortest beginning. */
    static final int MARK = 32;

    /** Beginnings that are remembered; one that falls on another's place replaces it. */
    private static final int SIZE = 1 << 14;

    /** Null until there is something to remember. */
    private long[] beginnings;
    private long[] homes;

    /**
     * What a text has in common with all that begin alike, by length.
     *
     * @param tenant null for none; prefixes are not shared between tenants
     * @param token the text's tokens by index
     * @return a hash of each beginning that counts, the shortest first; of a text without one, of all of it. Never 0
     */
    static long[] beginnings(String tenant, IntUnaryOperator token, int length) {
        int count = 0;
        for (int end = MARK; end <= length; end = next(end)) {
            count++;
        }
        long[] hashes = new long[Math.max(1, count)];
        long hash = tenant == null ? 0 : Placement.identity(tenant);
        int end = count == 0 ? length : MARK;
        int known = 0;
        for (int i = 0; known < hashes.length; i++) {
            hash = i < end ? Placement.extended(hash, token.applyAsInt(i)) : hash;
            if (i >= end - 1) {
                hashes[known++] = Math.max(1, Placement.mixed(hash) >>> 1);
                end = next(end);
            }
        }
        return hashes;
    }

    private static int next(int end) {
        return end + Math.max(1, end / 8 / MARK) * MARK;
    }

    /** A replica has read, or is about to read, a text with these beginnings. */
    synchronized void went(long[] these, long home) {
        if (beginnings == null) {
            beginnings = new long[SIZE];
            homes = new long[SIZE];
        }
        for (long beginning : these) {
            int place = place(beginning);
            beginnings[place] = beginning;
            homes[place] = home;
        }
    }

    /**
     * Who read most of a text: of beginnings that are less than half of it nobody is told, for what many texts have in common
     * would bring them all to one place, where they drive each other out.
     *
     * @param these the text's beginnings
     * @param length the text's length in tokens
     * @return identities, by the length of what they read, the longest first; 0 where nobody is known
     */
    synchronized long[] homes(long[] these, int length) {
        int first = 0;
        for (int end = MARK; first < these.length && 2L * end < length; end = next(end)) {
            first++;
        }
        long[] found = new long[these.length - first];
        for (int i = 0; i < found.length && beginnings != null; i++) {
            long beginning = these[these.length - 1 - i];
            int place = place(beginning);
            found[i] = beginnings[place] == beginning ? homes[place] : 0;
        }
        return found;
    }

    private static int place(long beginning) {
        return (int) beginning & SIZE - 1;
    }
}
