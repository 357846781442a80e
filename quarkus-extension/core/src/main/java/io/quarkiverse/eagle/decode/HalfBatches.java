package io.quarkiverse.eagle.decode;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.draft.StepCosts;

/**
 * Decides whether cycles verify all sequences or half of them. With all, a cycle takes the drafting and a step of all rows; a
 * round of two halves takes twice the longer one of the drafting and a step of half the rows. So halves pay where half the rows
 * cost little more than half: where their sums decide and not the weights' reading. What is expected from the costs of steps is
 * tried, and given up when rounds take longer than whole cycles would. Belongs to the decode loop's thread.
 *
 * @param <S> a sequence
 */
final class HalfBatches<S> {

    /** What halves have to promise, as a share of a whole cycle. */
    private static final double PROMISE = 0.95;
    /** How much one more cycle counts in the mean time of drafting. */
    private static final double RATE = 0.1;
    /** Rounds before a try is judged, and share of what was won that one keeps of the next. */
    private static final int TRIAL = 8;
    private static final double KEEP = 0.95;
    /** Rounds until whole cycles are measured again, and how many. */
    private static final int LONGEST_RUN = 256;
    private static final int REFRESH = 4;
    /** Whole cycles after a try that lost, at first and at most. */
    private static final int SHORTEST_PAUSE = 64;
    private static final int LONGEST_PAUSE = 4096;

    private final HalfBatching wanted;
    private final StepCosts costs;
    /** Those of the last cycle, when it was a round's first half; else empty. */
    private final List<S> firstHalf = new ArrayList<>();
    private boolean halving;
    /** Mean seconds of drafting for all, not hidden behind a step. */
    private double drafting;
    private int pause;
    private int nextPause = SHORTEST_PAUSE;
    private int rounds;
    private double won;
    /** Of the round's first half. */
    private int rows;
    private double seconds;

    /** @param costs of the target's steps */
    HalfBatches(HalfBatching wanted, StepCosts costs) {
        this.wanted = wanted;
        this.costs = costs;
    }

    /** Whether the next cycle verifies only some of so many sequences. */
    boolean divides(int sequences) {
        boolean divides = sequences > 1 && switch (wanted) {
            case WHEN_FASTER -> halving;
            case ALWAYS -> true;
            case NEVER -> false;
        };
        if (!divides) {
            firstHalf.clear();
        }
        return divides;
    }

    /**
     * Chooses those that are verified now, and those that are drafted for meanwhile. In two cycles everybody is verified who
     * was there in the first.
     *
     * @param decoding by slot
     */
    void divide(List<S> decoding, List<S> verified, List<S> drafted) {
        if (!firstHalf.isEmpty()) {
            for (S sequence : decoding) {
                (firstHalf.contains(sequence) ? drafted : verified).add(sequence);
            }
            firstHalf.clear();
            if (!verified.isEmpty()) {
                return;
            }
            drafted.clear();
        }
        // Neighbours go together: a step computes all slots from its first to its last.
        int middle = (decoding.size() + 1) / 2;
        verified.addAll(decoding.subList(0, middle));
        drafted.addAll(decoding.subList(middle, decoding.size()));
        firstHalf.addAll(verified);
    }

    /**
     * A cycle verified all.
     *
     * @param all rows of its step
     * @param draftSeconds of the drafting before it
     */
    void tookWhole(int all, double draftSeconds) {
        drafting += drafting == 0 ? draftSeconds : RATE * (draftSeconds - drafting);
        if (pause > 0) {
            pause--;
            return;
        }
        double halved = 2 * Math.max(costs.at(all / 2), drafting);
        if (halved < PROMISE * (costs.at(all) + drafting)) {
            halving = true;
            rounds = 0;
            won = 0;
            rows = 0;
        }
    }

    /**
     * A cycle verified some.
     *
     * @param some rows of its step
     * @param cycleSeconds until step and drafting were done
     */
    void tookHalf(int some, double cycleSeconds) {
        if (!firstHalf.isEmpty()) {
            rows = some;
            seconds = cycleSeconds;
            return;
        }
        if (rows == 0) {
            return;
        }
        won = KEEP * won + costs.at(rows + some) + drafting - seconds - cycleSeconds;
        rows = 0;
        rounds++;
        if (rounds >= TRIAL && won < 0) {
            halving = false;
            pause = nextPause;
            nextPause = Math.min(LONGEST_PAUSE, 2 * nextPause);
        } else if (rounds == LONGEST_RUN) {
            halving = false;
            pause = REFRESH;
            nextPause = SHORTEST_PAUSE;
        }
    }
}
