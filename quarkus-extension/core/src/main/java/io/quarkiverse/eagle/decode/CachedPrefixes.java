package io.quarkiverse.eagle.decode;

import java.util.Arrays;
import java.util.Objects;

/**
 * What the slots of the target's pool hold, as far as rows are final: those in use the tokens of their sequence, free ones
 * those
 * of the sequence that left. A new sequence that begins with the same tokens goes on from there instead of reading them again:
 * in a free slot, or in another one that the rows are copied to. Multi-turn chats and shared system prompts gain most. Rows are
 * shared only between requests of the same tenant, because the time to the first token tells
 * whether a prefix was there. Belongs to the decode loop's thread.
 */
final class CachedPrefixes {

    /** A shorter prefix is not worth losing what else a slot holds. */
    static final int SHORTEST = 16;
    /** While others decode, a step covers the slots between the first and the last; only this much makes up for wider steps. */
    static final int SHORTEST_BESIDE_OTHERS = 64;

    /** Fewer rows are read about as fast as an engine that is far away is asked to copy them. */
    static final int SHORTEST_COPY = 32;

    private static final int[] NONE = {};

    private final boolean enabled;
    private final int[][] tokens;
    /** By slot: leading tokens whose rows are final. */
    private final int[] rows;
    private final String[] tenants;
    /** By slot: when it was left, or last of use, counted in both. */
    private final long[] leftAt;
    private long uses;

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
        leftAt[slot] = ++uses;
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
     * Rows of a slot that a sequence can go on from. Its last token to read is always read: the step that reads it brings what
     * comes next.
     *
     * @param owner the sequence that has the slot, null when it is free
     */
    int common(int slot, Sequence owner, Sequence sequence) {
        if (!enabled || !Objects.equals(owner == null ? tenants[slot] : owner.tenant(), sequence.tenant())) {
            return 0;
        }
        int held = owner == null ? rows[slot] : Math.min(owner.finalRows(), owner.length());
        int most = Math.min(held, sequence.tokensToRead() - 1);
        int same = 0;
        while (same < most && (owner == null ? tokens[slot][same] : owner.token(same)) == sequence.token(same)) {
            same++;
        }
        return same;
    }

    /**
     * The slot, in use or free, whose rows save a sequence most when they are copied to its own.
     *
     * @param slot its own
     * @param held rows that it need not read as it is
     * @param running the slots' sequences, null for free ones
     * @return a slot, -1 when none saves enough
     */
    int sourceFor(Sequence sequence, int slot, int held, Sequence[] running) {
        int source = -1;
        int most = held + SHORTEST_COPY - 1;
        for (int other = 0; other < running.length; other++) {
            int saved = other == slot ? 0 : sequence.takesOver(other, common(other, running[other], sequence));
            if (saved > most) {
                source = other;
                most = saved;
            }
        }
        return source;
    }

    /**
     * The free slot that suits a sequence best: the one with most of its beginning, unless that would destroy more than it
     * saves while an empty one is there, or any other where its rows can be copied. Without such a beginning an empty slot, or
     * the one left longest ago; while others
     * decode the lowest one, so that steps stay narrow.
     *
     * @param running the slots' sequences, null for free ones
     * @param copies whether rows can be copied between slots
     * @return a slot, -1 when none is free
     */
    int slotFor(Sequence sequence, Sequence[] running, boolean copies) {
        boolean idle = isIdle(running);
        int shortest = idle ? SHORTEST : SHORTEST_BESIDE_OTHERS;
        int matching = -1;
        int saved = 0;
        for (int slot = 0; slot < running.length; slot++) {
            int common = running[slot] != null ? 0 : common(slot, null, sequence);
            if (common >= shortest && (common > saved || common == saved && leftAt[slot] < leftAt[matching])) {
                matching = slot;
                saved = common;
            }
        }
        if (matching >= 0 && 2 * saved >= rows[matching]) {
            return matching;
        }
        int replaced = replaced(running, idle, matching);
        boolean spares = matching < 0 || replaced >= 0 && (copies || rows[replaced] < SHORTEST);
        return spares ? replaced : matching;
    }

    /** The free slot whose rows are given up: an empty one or the one left longest ago, but the lowest while others decode. */
    private int replaced(Sequence[] running, boolean idle, int except) {
        int replaced = -1;
        for (int slot = 0; slot < running.length; slot++) {
            if (running[slot] == null && slot != except && (replaced < 0 || idle && isWorthLess(slot, replaced))) {
                replaced = slot;
            }
        }
        return replaced;
    }

    /** A free slot was of use: it is kept longer than those left before now. */
    void used(int slot) {
        leftAt[slot] = ++uses;
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
