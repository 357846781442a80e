package io.quarkiverse.eagle.draft;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;

/**
 * Decides how large a tree pays on this machine: expected tokens per second from the costs of steps and from the draft's own
 * confidences, which estimate acceptance (EAGLE-2, section 3.2) and are corrected by what was accepted before. The same rules
 * find a few nodes on one machine and dozens on another, and none where plain decoding is faster. What was learned of a few
 * sequences says nothing of many, so it is kept by the size of the batch. Called
 * from the decode loop alone.
 */
public final class SpeculationEconomy {

    /** Speculation must promise this much more than plain decoding: estimates have errors. */
    private static final double MARGIN = 1.03;
    /** How much one more cycle counts in running means. */
    private static final double RATE = 0.05;
    /**
     * Plain steps that a try may lose before it ends, at its beginning and later. A cycle brings one token or four, so that a
     * few of them say little: a try that wins a fifth of a step in each is behind now and then. One that loses slowly is seen
     * by what it has lost of late.
     */
    private static final double PATIENCE = 2;
    private static final double LASTING_PATIENCE = 0.5;
    /** With several sequences, whose mean is steadier, and whose time it is that is lost. */
    private static final double PATIENCE_OF_MANY = 1;
    /** Trees of a batch before a try is judged: the mean over a batch is steadier than one sequence. */
    private static final int TRIAL_OF_MANY = 8;
    /** Cycles over which gains and losses are remembered, as the share that one keeps of the next. */
    private static final double KEEP = 0.96;
    /** Least and most cycles without drafting after it did not pay, before it is tried again. */
    private static final int SHORTEST_PAUSE = 32;
    private static final int LONGEST_PAUSE = 4096;
    /** Share of the time that tries may cost: what one lost is paid back by a pause so long. */
    private static final double LOSS_ALLOWED = 0.01;
    /** And the share that reading on may cost while drafting pauses. */
    private static final double FOLLOWING_ALLOWED = 0.005;
    /** How many times longer pauses may become while tries fail: the more sequences, the less can be won by another one. */
    private static final int BACK_OFF = 4;
    private static final int BACK_OFF_PER_SEQUENCE = 2;
    private static final int LONGEST_BACK_OFF = 16;
    /** Cycles over which the reading of prompts is paid off. */
    private static final double PAY_OFF = 64;
    /** Sizes of batches that are told apart, the last one without an end. */
    private static final int SIZES = 10;
    /** Candidates of a tree that are looked at, the best ones. */
    static final int MOST_CANDIDATES = 64;

    private final StepCosts target;
    private final StepCosts draft;
    private final ValueCalibration calibration = new ValueCalibration();
    private double correction = 1;
    /** Seconds of reading that cycles to come have to pay off. */
    private double debt;
    private double best = 0.4;
    private double second = 0.15;
    /** By the number of sequences that decode at once: 1, 2, 3 to 4, 5 to 8, and so on. */
    private final Trial[] trials = new Trial[SIZES];
    private final StepShare alone = new StepShare();
    /** Chances of the ranked candidates to be accepted; and of these and the children that another level would bring. */
    private final double[] chances = new double[MOST_CANDIDATES];
    private final double[] merged = new double[MOST_CANDIDATES];
    /** Tokens that the candidates of all sequences of a step may bring, by their rank. */
    private final double[] gains = new double[MOST_CANDIDATES];
    /** Log-probabilities of these children, ascending. */
    private float[] guesses = {};

    /** Whether drafting pays for batches of some size, as far as that is known. */
    private static final class Trial {
        /** Seconds that drafting has won against plain decoding lately, negative when it lost; and how long it was tried. */
        private double won;
        private double cycles;
        private int trees;
        private int paused;
        private int backOff = 1;
    }

    /** @param prior measured mean tokens per cycle of the draft by number of nodes, may be empty */
    public SpeculationEconomy(CostCurve target, CostCurve draft, List<BundleManifest.Acceptance> prior) {
        this(new StepCosts(target), new StepCosts(draft), prior);
    }

    /**
     * @param target costs that live steps keep fresh, as those of {@code draft}
     * @param prior measured mean tokens per cycle of the draft by number of nodes, may be empty
     */
    public SpeculationEconomy(StepCosts target, StepCosts draft, List<BundleManifest.Acceptance> prior) {
        this.target = target;
        this.draft = draft;
        // Where the prior sees no gain, plain decoding comes first and drafting gets its try later.
        for (int i = 0; i < trials.length; i++) {
            int batch = 1 << i;
            trials[i] = new Trial();
            trials[i].paused = prior.isEmpty() || prior.stream().anyMatch(measured -> pays(measured, batch)) ? 0
                    : SHORTEST_PAUSE;
        }
    }

    private boolean pays(BundleManifest.Acceptance prior, int batch) {
        int levels = (int) Math.ceil(prior.tau());
        double seconds = target.at(batch * (prior.nodes() + 1)) + levels * draft.at(batch * Math.min(prior.nodes(), 10));
        return prior.tau() / seconds > MARGIN / plain(batch);
    }

    private double plain(int batch) {
        return target.plain(batch);
    }

    public StepCosts target() {
        return target;
    }

    public StepCosts draft() {
        return draft;
    }

    private Trial trial(int batch) {
        return trials[Math.min(SIZES - 1, Integer.SIZE - Integer.numberOfLeadingZeros(batch - 1))];
    }

    /** Whether the next cycle should draft at all, for so many sequences. */
    public boolean draftsNow(int batch) {
        Trial trial = trial(batch);
        if (trial.paused > 0) {
            trial.paused--;
            if (trial.paused == 0) {
                trial.cycles = 0;
                trial.trees = 0;
                trial.won = 0;
            }
            return false;
        }
        return true;
    }

    /**
     * Whether the draft should go on reading what every sequence says: always while it drafts, and while it pauses as long as
     * that costs little.
     *
     * @param rows that are read in one step for one sequence
     */
    boolean isWorthFollowing(int rows, int batch) {
        return trial(batch).paused == 0 || batch * draft.at(rows) <= FOLLOWING_ALLOWED * rows * plain(batch);
    }

    /**
     * The draft has read for so many seconds what serves many cycles, as a prompt: they pay it off in small shares, so that
     * none is judged by it alone.
     *
     * @return seconds that this cycle pays
     */
    double paysOff(double seconds) {
        debt += seconds;
        double share = debt / PAY_OFF;
        debt -= share;
        return share;
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
     * @param count how many, at most {@value #MOST_CANDIDATES}
     * @param batch sequences that share the step
     * @param spent seconds of drafting in this cycle
     * @return nodes, 0 for none
     */
    public int choose(float[] ranked, int count, int batch, double spent) {
        estimate(ranked, count);
        return bestNodes(chances, count, 1, batch, spent);
    }

    /** Begins to choose for the sequences of a step together. */
    void beginChoice() {
        Arrays.fill(gains, 0);
    }

    /** A sequence of the step has these candidates; parameters as those of {@link #choose}. */
    void offer(float[] ranked, int count) {
        estimate(ranked, count);
        for (int i = 0; i < count; i++) {
            gains[i] += chances[i];
        }
    }

    /**
     * How many candidates of every sequence to verify. All have as many rows in a step as the one that has most, so what one
     * proposes is paid by all, and what the others have costs nothing then.
     *
     * @param batch sequences that share the step, also those that offered nothing
     * @param spent seconds of drafting in this cycle
     */
    int chooseForAll(int batch, double spent) {
        return bestNodes(gains, gains.length, batch, batch, spent);
    }

    /** Tokens per cycle that a sequence may expect from verifying its best {@code nodes} candidates, its own included. */
    public double promised(float[] ranked, int nodes) {
        estimate(ranked, nodes);
        return tokens(chances, nodes);
    }

    /**
     * Whether another level is worth its step: the best rate with the children that it would probably bring, against the rate
     * without them.
     *
     * @param ranked cumulative log-probabilities of the candidates so far, descending
     * @param count how many, at most {@value #MOST_CANDIDATES}
     * @param frontier log-probabilities of the nodes that would be expanded, descending
     */
    public boolean anotherLevelPays(float[] ranked, int count, float[] frontier, int expanded, int batch, double spent) {
        estimate(ranked, count);
        double now = bestRate(chances, count, batch, spent);
        int with = mergeGuesses(ranked, count, frontier, expanded);
        return bestRate(merged, with, batch, spent + draft.at(Math.max(2, batch * expanded))) > now;
    }

    /** Merges the estimated candidates with the two best children that each expanded node would probably get. */
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
            merged[size++] = takesKnown ? chances[known++] : chance(guesses[--guessed]);
        }
        return size;
    }

    /** A candidate that ranks lower never gets a higher chance, whatever its bucket has seen. */
    private void estimate(float[] ranked, int count) {
        double least = 1;
        for (int i = 0; i < count; i++) {
            least = Math.min(least, chance(ranked[i]));
            chances[i] = least;
        }
    }

    /** A value of the draft as an estimate of acceptance, a log-probability too: corrected by what was accepted before. */
    float calibrated(float logProbability) {
        return Math.min(0, logProbability + (float) Math.log(calibration.correction(logProbability, correction)));
    }

    private double chance(float logProbability) {
        return Math.min(1, calibration.correction(logProbability, correction) * Math.exp(logProbability));
    }

    /** Learns what a value is worth: a node of this cumulative log-probability was accepted or not. */
    public void saw(float logProbability, boolean accepted) {
        calibration.saw(logProbability, accepted);
    }

    /**
     * How many of the candidates bring most tokens per second.
     *
     * @param gains tokens that a candidate of each rank may bring
     * @param own tokens that come without any
     */
    private int bestNodes(double[] gains, int count, int own, int batch, double spent) {
        double rate = own / (spent + plain(batch));
        int nodes = 0;
        double expected = own;
        for (int n = 1; n <= count; n++) {
            expected += gains[n - 1];
            double r = expected / (spent + target.at(batch * (n + 1)));
            if (r > rate) {
                rate = r;
                nodes = n;
            }
        }
        return nodes;
    }

    private double bestRate(double[] chances, int count, int batch, double spent) {
        int nodes = bestNodes(chances, count, 1, batch, spent);
        return tokens(chances, nodes) / (spent + (nodes == 0 ? plain(batch) : target.at(batch * (nodes + 1))));
    }

    /** The target's own token, and those that the best candidates bring. */
    private static double tokens(double[] chances, int nodes) {
        double expected = 1;
        for (int i = 0; i < nodes; i++) {
            expected += chances[i];
        }
        return expected;
    }

    /**
     * Learns from a verified tree, once per sequence of the step: tokens that it promised and brought, and what it cost. The
     * target's step counts with what steps of its size cost by now: what disturbed this one would have disturbed a plain one
     * too.
     *
     * @param spent measured seconds of drafting in this cycle
     */
    public void learn(double promised, int emitted, double spent, int nodes, int batch) {
        alone.chose(promised, spent);
        alone.complete(batch, batch, nodes);
        learn(alone, nodes, emitted);
    }

    /**
     * Learns from a verified tree as {@link #learn(double, int, double, int, int)}. All sequences of the step pay for the
     * largest tree and for the drafting, also those that had no tree and got one token; those that had one account for it.
     */
    void learn(StepShare step, int nodes, int emitted) {
        if (nodes > 0 && step.promised() > 1) {
            double ratio = (emitted - 1) / (step.promised() - 1);
            correction = Math.max(0.3, Math.min(1.5, correction * (1 + RATE * (Math.min(2, ratio) - 1))));
        }
        int batch = step.batch();
        double seconds = step.spent() + target.counted(Math.max(Engine.MIN_ROWS, batch * (step.largest() + 1)));
        double share = 1.0 / step.trees();
        double plain = plain(batch);
        double ofOthers = (batch - step.trees()) * plain / batch;
        double margin = batch > 1 ? MARGIN : 1;
        Trial trial = trial(batch);
        trial.won = trial.won * Math.pow(KEEP, share) + emitted * plain / batch
                + share * (ofOthers - margin * seconds);
        trial.cycles += share;
        trial.trees++;
        if (hasLost(trial, batch)) {
            pause(trial, batch);
        } else if (trial.cycles >= 1 / (1 - KEEP)) {
            trial.backOff = 1;
        }
    }

    private boolean hasLost(Trial trial, int batch) {
        boolean early = batch > 1 && (trial.trees < TRIAL_OF_MANY || trial.cycles < 1);
        double first = batch > 1 ? PATIENCE_OF_MANY : PATIENCE;
        double patience = Math.max(LASTING_PATIENCE, first * (1 - trial.cycles * (1 - KEEP)));
        return !early && trial.won < -plain(batch) * patience;
    }

    /**
     * Long enough that what was lost is a small share of the time until the next try; longer while tries fail one by one. What
     * was read for cycles that do not come is lost too.
     */
    private void pause(Trial trial, int batch) {
        double cycles = Math.max(SHORTEST_PAUSE, (debt - trial.won) / plain(batch) / LOSS_ALLOWED);
        debt = 0;
        trial.paused = (int) Math.min(LONGEST_PAUSE, trial.backOff * cycles);
        int longest = Math.max(BACK_OFF, Math.min(LONGEST_BACK_OFF, BACK_OFF_PER_SEQUENCE * batch));
        trial.backOff = Math.min(longest, 2 * trial.backOff);
    }
}
