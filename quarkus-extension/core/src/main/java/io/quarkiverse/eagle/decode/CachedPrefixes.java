package io.quarkiverse.eagle.decode;

import java.util.Arrays;
import java.util.Objects;

/**
 * What the free slots of the target's pool still hold: the tokens of the sequence that left, as far as their rows are final. A
 * new sequence that begins with the same tokens goes on from there instead of reading them again; multi-turn chats and shared
 * system prompts gain most. Rows are shared only between requests of the same tenant, because the time to the first token tells
 * whether a prefix was there. Belongs to the decode loop's thread.
 */
final class CachedPrefixes {

    /** A shorter prefix is not worth losing what else a slot holds. */
    static final int SHORTEST = 16;
    /** While others decode, a step covers the slots between the first and the last; only this much makes up for wider steps. */
    static final int SHORTEST_BESIDE_OTHERS = 64;

    private static final int[] NONE = {};

    private final boolean enabled;
    private final int[][] tokens;
    /** By slot: leading tokens whose rows are final. */
    private final int[] rows;
    private final String[] tenants;
    /** By slot: when it was left, counted in leaves. */
    private final long[] leftAt;
    private long leaves;

    CachedPrefixes(int slots, boolean enabled) {
        this.enabled = enabled;
        this.tokens = new int[slots][];
        Arrays.fill(tokens, NONE);
        this.rows = new int[slots];
        this.tenants = new String[slots];
        this.leftAt = new long[slots];
    }

    /** A sequence leaves its slot; its final rows stay. */
    void left(int slot, Sequence sequence) {
        rows[slot] = enabled ? Math.min(sequence.finalRows(), sequence.length()) : 0;
        tenants[slot] = sequence.tenant();
        leftAt[slot] = ++leaves;
        if (tokens[slot].length < rows[slot]) {
            tokens[slot] = new int[Math.max(rows[slot], 2 * tokens[slot].length)];
        }
        for (int i = 0; i < rows[slot]; i++) {
            tokens[slot][i] = sequence.token(i);
        }
    }

    /** A slot's rows are a running sequence's now, or void. */
    void forget(int slot) {
        rows[slot] = 0;
    }

    /** All rows are void, or in doubt. */
    void forgetAll() {
        Arrays.fill(rows, 0);
    }

    /** Final rows that a free slot holds; steps must not write before them. */
    int rows(int slot) {
        return rows[slot];
    }

    /**
     * Rows of a free slot that a sequence can go on from. Its last token to read is always read: the step that reads it brings
     * what comes next.
     */
    int common(int slot, Sequence sequence) {
        if (!Objects.equals(tenants[slot], sequence.tenant())) {
            return 0;
        }
        int most = Math.min(rows[slot], sequence.tokensToRead() - 1);
        int same = 0;
        while (same < most && tokens[slot][same] == sequence.token(same)) {
            same++;
        }
        return same;
    }

    /**
     * The free slot that suits a sequence best: the one with most of its beginning, unless that would destroy more than it
     * saves while an empty one is there. Without such a beginning an empty slot, or the one left longest ago; while others
     * decode the lowest one, so that steps stay narrow.
     *
     * @param running the slots' sequences, null for free ones
     * @return a slot, -1 when none is free
     */
    int slotFor(Sequence sequence, Sequence[] running) {
        int shortest = isIdle(running) ? SHORTEST : SHORTEST_BESIDE_OTHERS;
        int matching = -1;
        int saved = 0;
        int replaced = -1;
        for (int slot = 0; slot < running.length; slot++) {
            if (running[slot] != null) {
                continue;
            }
            int common = common(slot, sequence);
            if (common >= shortest && (common > saved || common == saved && leftAt[slot] < leftAt[matching])) {
                matching = slot;
                saved = common;
            }
            if (replaced < 0 || shortest == SHORTEST && isWorthLess(slot, replaced)) {
                replaced = slot;
            }
        }
        boolean destroysMore = matching >= 0 && rows[replaced] < SHORTEST && 2 * saved < rows[matching];
        return matching < 0 || destroysMore ? replaced : matching;
    }

    private static boolean isIdle(Sequence[] running) {
        for (Sequence sequence : running) {
            if (sequence != null) {
                return false;
            }
        }
        return true;
    }

    private boolean isWorthLess(int slot, int other) {
        boolean empty = rows[slot] < SHORTEST;
        boolean otherEmpty = rows[other] < SHORTEST;
        return empty != otherEmpty ? empty : !empty && leftAt[slot] < leftAt[other];
    }
}
