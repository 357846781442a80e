package io.quarkiverse.eagle.draft;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;

/**
 * Decides how large a tree pays on this machine: expected tokens per second from the costs of steps and from the draft's own
 * confidences, which estimate acceptance (EAGLE-2, section 3.2) and are corrected by what was accepted before. The same rules
 * find a few nodes on one machine and dozens on another, and none where plain decoding is faster. Called from the decode loop
 * alone.
 */
public final class SpeculationEconomy {

    /** Speculation must promise this much more than plain decoding: estimates have errors. */
    private static final double MARGIN = 1.03;
    /** How much one more cycle counts in running means. */
    private static final double RATE = 0.05;
    /** Cycles without drafting after it did not pay, before it is tried again. */
    private static final int PAUSE = 48;
    /** Cycles of a try before it is judged. */
    private static final int TRIAL = 12;

    private final CostCurve target;
    private final CostCurve draft;
    private double correction = 1;
    private double best = 0.4;
    private double second = 0.15;
    private double tokensPerCycle;
    private double secondsPerCycle;
    private int trial;
    private int paused;
    private final float[] merged = new float[64];
    private final double[] chances = new double[64];
    private float[] guesses = {};

    /** @param prior measured mean tokens per cycle of the draft by number of nodes, may be empty */
    public SpeculationEconomy(CostCurve target, CostCurve draft, List<BundleManifest.Acceptance> prior) {
        this.target = target;
        this.draft = draft;
        // Where the prior sees no gain, plain decoding comes first and drafting gets its try later.
        this.paused = prior.isEmpty() || prior.stream().anyMatch(this::pays) ? 0 : PAUSE;
    }

    private boolean pays(BundleManifest.Acceptance prior) {
        int levels = (int) Math.ceil(prior.tau());
        double seconds = target.at(prior.nodes() + 1) + levels * draft.at(Math.min(prior.nodes(), 10));
        return prior.tau() / seconds > MARGIN / plain(1);
    }

    private double plain(int batch) {
        return target.at(Math.max(2, batch));
    }

    public CostCurve target() {
        return target;
    }

    public CostCurve draft() {
        return draft;
    }

    /** Whether the next cycle should draft at all. */
    public boolean draftsNow() {
        if (paused > 0) {
            paused--;
            if (paused == 0) {
                trial = 0;
                tokensPerCycle = 0;
                secondsPerCycle = 0;
            }
            return false;
        }
        return true;
    }

    /** Nodes to expand per level. */
    public int expansion(int lastNodes, int most) {
        return Math.max(Math.min(3, most), Math.min(most, lastNodes));
    }

    /** Learns how sure the draft was at a node that it expanded, from its two best log-probabilities. */
    public void sawConfidence(float bestLogProbability, float secondLogProbability) {
        best += RATE / 4 * (Math.exp(bestLogProbability) - best);
        second += RATE / 4 * (Math.exp(secondLogProbability) - second);
    }

    /**
     * How many of a tree's candidates to verify.
     *
     * @param ranked cumulative log-probabilities, descending
     * @param count how many, at most 64
     * @param batch sequences that share the step
     * @param spent seconds of drafting in this cycle
     * @return nodes, 0 for none
     */
    public int choose(float[] ranked, int count, int batch, double spent) {
        estimate(ranked, count);
        return bestNodes(count, batch, spent);
    }

    /** Tokens per cycle that a sequence may expect from verifying its best {@code nodes} candidates, its own included. */
    public double promised(float[] ranked, int nodes) {
        estimate(ranked, nodes);
        return tokens(nodes);
    }

    /**
     * Whether another level is worth its step: the best rate with the children that it would probably bring, against the rate
     * without them.
     *
     * @param ranked cumulative log-probabilities of the candidates so far, descending
     * @param count how many, at most 64
     * @param frontier log-probabilities of the nodes that would be expanded, descending
     */
    public boolean anotherLevelPays(float[] ranked, int count, float[] frontier, int expanded, int batch, double spent) {
        estimate(ranked, count);
        double now = bestRate(count, batch, spent);
        int with = mergeGuesses(ranked, count, frontier, expanded);
        estimate(merged, with);
        return bestRate(with, batch, spent + draft.at(Math.max(2, batch * expanded))) > now;
    }

    /** Merges the ranked values with those of the two best children that each expanded node would probably get. */
    private int mergeGuesses(float[] ranked, int count, float[] frontier, int expanded) {
        int guessed = 2 * expanded;
        if (guesses.length < guessed) {
            guesses = new float[guessed];
        }
        float logBest = (float) Math.log(best);
        float logSecond = (float) Math.log(second);
        for (int i = 0; i < expanded; i++) {
            guesses[2 * i] = frontier[i] + logBest;
            guesses[2 * i + 1] = frontier[i] + logSecond;
        }
        Arrays.sort(guesses, 0, guessed);
        int known = 0;
        int size = 0;
        while (size < merged.length && (known < count || guessed > 0)) {
            boolean takesKnown = guessed == 0 || known < count && ranked[known] >= guesses[guessed - 1];
            merged[size++] = takesKnown ? ranked[known++] : guesses[--guessed];
        }
        return size;
    }

    /** Sets each candidate's chance to be accepted. */
    private void estimate(float[] values, int count) {
        for (int i = 0; i < count; i++) {
            chances[i] = Math.min(1, correction * Math.exp(values[i]));
        }
    }

    /** How many of {@code count} estimated candidates bring most tokens per second. */
    private int bestNodes(int count, int batch, double spent) {
        double rate = 1 / (spent + plain(batch));
        int nodes = 0;
        double expected = 1;
        for (int n = 1; n <= count; n++) {
            expected += chances[n - 1];
            double r = expected / (spent + target.at(batch * (n + 1)));
            if (r > rate) {
                rate = r;
                nodes = n;
            }
        }
        return nodes;
    }

    private double bestRate(int count, int batch, double spent) {
        int nodes = bestNodes(count, batch, spent);
        return tokens(nodes) / (spent + (nodes == 0 ? plain(batch) : target.at(batch * (nodes + 1))));
    }

    /** The target's own token, and those that the estimated candidates bring. */
    private double tokens(int nodes) {
        double expected = 1;
        for (int i = 0; i < nodes; i++) {
            expected += chances[i];
        }
        return expected;
    }

    /** Learns from a verified tree: tokens that it promised and brought, and the seconds that the cycle's steps cost. */
    public void learn(double promised, int emitted, double spent, int nodes, int batch) {
        if (nodes > 0 && promised > 1) {
            double ratio = (emitted - 1) / (promised - 1);
            correction = Math.max(0.3, Math.min(1.5, correction * (1 + RATE * (Math.min(2, ratio) - 1))));
        }
        double seconds = spent + target.at(Math.max(2, batch * (nodes + 1)));
        tokensPerCycle += RATE * (emitted - tokensPerCycle);
        secondsPerCycle += RATE * (seconds - secondsPerCycle);
        trial++;
        if (trial >= TRIAL && tokensPerCycle / secondsPerCycle < 1 / plain(batch)) {
            paused = PAUSE;
        }
    }
}
