package io.quarkiverse.eagle.sampling;

import java.nio.FloatBuffer;

import io.quarkiverse.eagle.grammar.AllowedTokens;

/**
 * One row of logits in descending order, ties by lowest id, sorted only as far as it is read: a heap whose removed heads stay
 * behind it, best last. Holds a copy of the row; loading another row reuses the memory.
 */
final class DescendingLogits {

    /**
     * [vocabulary]: the heap in front, the ordered tokens behind it, from the end. An entry is the logit's order-preserving
     * bits above the complement of the id, so that the greatest entry is the greatest logit with the lowest id.
     */
    private final long[] entries;
    /** Tokens of the row that take part. */
    private int size;
    private int heap;

    DescendingLogits(int vocabulary) {
        entries = new long[vocabulary];
    }

    /**
     * @param logits the row begins at {@code offset}
     * @param penalties applied to every logit, null for none
     * @param allowed the tokens that take part, null for all
     */
    void load(FloatBuffer logits, int offset, Penalties penalties, AllowedTokens allowed) {
        size = 0;
        if (allowed == null) {
            for (int id = 0; id < entries.length; id++) {
                add(logits.get(offset + id), id, penalties);
            }
        } else {
            for (int id = allowed.next(0); id >= 0; id = allowed.next(id + 1)) {
                add(logits.get(offset + id), id, penalties);
            }
        }
        heap = size;
        for (int i = size / 2 - 1; i >= 0; i--) {
            sink(i);
        }
    }

    private void add(float logit, int id, Penalties penalties) {
        entries[size++] = entry(penalties == null ? logit : penalties.apply(id, logit), id);
    }

    /** The widest row that fits. */
    int capacity() {
        return entries.length;
    }

    int size() {
        return size;
    }

    /** Token of this rank, 0 being the best. */
    int id(int rank) {
        return idOf(ranked(rank));
    }

    float logit(int rank) {
        return logitOf(ranked(rank));
    }

    /** The logits in an order that depends on the row alone; for sums over the whole row. */
    float unordered(int i) {
        return logitOf(entries[i]);
    }

    /** The token of {@link #unordered}. */
    int unorderedId(int i) {
        return idOf(entries[i]);
    }

    private long ranked(int rank) {
        while (size - heap <= rank) {
            long best = entries[0];
            heap--;
            entries[0] = entries[heap];
            entries[heap] = best;
            sink(0);
        }
        return entries[size - 1 - rank];
    }

    private void sink(int i) {
        long moved = entries[i];
        int child;
        while ((child = 2 * i + 1) < heap) {
            if (child + 1 < heap && entries[child + 1] > entries[child]) {
                child++;
            }
            if (entries[child] <= moved) {
                break;
            }
            entries[i] = entries[child];
            i = child;
        }
        entries[i] = moved;
    }

    static long entry(float logit, int id) {
        int bits = Float.floatToIntBits(logit + 0f); // adding zero makes -0 and 0 a tie
        int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return ((long) ordered << 32) | (~id & 0xFFFFFFFFL);
    }

    static int idOf(long entry) {
        return ~(int) entry;
    }

    static float logitOf(long entry) {
        int ordered = (int) (entry >> 32);
        return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & Integer.MAX_VALUE));
    }
}
