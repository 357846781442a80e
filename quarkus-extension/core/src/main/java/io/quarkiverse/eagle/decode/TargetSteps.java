package io.quarkiverse.eagle.decode;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.tree.RejectionVerifier;
import io.quarkiverse.eagle.tree.TreePruner;
import io.quarkiverse.eagle.tree.TreeVerifier;
import io.quarkiverse.eagle.tree.Verifier;

/**
 * What a decode loop runs: chunks of prompts, and draft-verify cycles. A cycle proposes a tree for every decoding sequence,
 * runs
 * one step of the target for all, and accepts. Where the target works elsewhere and two steps of half the sequences cost less
 * than one step of all and the drafting before it, a cycle verifies one half while the other half is drafted for.
 */
final class TargetSteps {

    private static final Logger LOG = Logger.getLogger(TargetSteps.class);

    /** Most prompt rows per step: long enough for the matrix kernels, short enough not to stall the others. */
    private static final int CHUNK = 64;

    private static final double NANOS = 1e9;

    private final String name;
    private final Engine target;
    private final StepCosts costs;
    private final StepCosts draftCosts;
    private final int chunk;
    private final TreeVerifier.EndTokens endTokens;
    private final StepRequest request;
    private final StepResult result;
    /** The loop's. */
    private final Sequence[] slots;
    private final CachedPrefixes prefixes;
    private final HalfBatches<Sequence> halves;
    /** Those of a cycle that have no tree yet, by drafter. */
    private final Map<Drafter, List<Sequence>> byDrafter = new LinkedHashMap<>();
    /** The sequences of the running step. */
    private final List<Sequence> stepping = new ArrayList<>();
    /** The sequences that are drafted for while a step runs. */
    private final List<Sequence> drafting = new ArrayList<>();
    private final TreeVerifier treeVerifier = new TreeVerifier();
    private final RejectionVerifier rejectionVerifier = new RejectionVerifier();
    private final TreePruner pruner = new TreePruner();
    private final int[] accepted = new int[DraftTree.MAX_NODES + 1];
    private final int[] acceptedNodes = new int[DraftTree.MAX_NODES + 1];
    private final int[] emitted = new int[DraftTree.MAX_NODES + 1];
    /** When, and with how much drafting before it, the last cycle was accepted; and each sequence's share of its time. */
    private long verifyNanos;
    private long acceptedAt;
    private long draftedBefore;
    private long draftNanos;
    private long hostNanos;
    /** Drafting beside the last step, which took no time of its own. */
    private long hiddenNanos;

    /**
     * @param costs learn from every verification of all sequences
     * @param draftCosts know the time of drafting; null without a draft head
     * @param slots the loop's, by slot
     */
    TargetSteps(String name, Engine target, TreeVerifier.EndTokens endTokens, HalfBatching halfBatching, StepCosts costs,
            StepCosts draftCosts, Sequence[] slots, CachedPrefixes prefixes) {
        this.name = name;
        this.target = target;
        this.endTokens = endTokens;
        this.costs = costs;
        this.draftCosts = draftCosts;
        this.slots = slots;
        this.prefixes = prefixes;
        EngineShape shape = target.shape();
        this.chunk = Math.min(CHUNK, shape.maxRows());
        int rows = shape.maxRows() * shape.slots();
        this.request = new StepRequest(shape, shape.slots(), rows, 2 * shape.maxRows());
        this.result = new StepResult(shape, rows, rows);
        this.halves = new HalfBatches<>(target.runsElsewhere() ? halfBatching : HalfBatching.NEVER, costs);
    }

    /** No step has been tried since the last turn. */
    void beginTurn() {
        stepping.clear();
    }

    /** Whether a sequence took part in the last step that was tried. */
    boolean concerned(Sequence sequence) {
        return stepping.contains(sequence);
    }

    /** A drafter's sequence has a slot, or had one. */
    void knows(Drafter drafter) {
        byDrafter.computeIfAbsent(drafter, unused -> new ArrayList<>());
    }

    /** What the drafters' engines hold is void. */
    void forgetDrafts() {
        byDrafter.keySet().forEach(Drafter::forget);
    }

    /** Reads the next chunk of a prompt; after its last one the first token is drawn. */
    void readChunk(Sequence sequence) {
        int start = sequence.prefilled();
        int count = Math.min(chunk, sequence.toRead() - start);
        int rows = Math.max(Engine.MIN_ROWS, count);
        stepping.clear();
        stepping.add(sequence);
        request.begin(sequence.slot(), 1, rows, 0, rows, Engine.MIN_ROWS);
        request.windowStart(0, start);
        for (int t = 0; t < count; t++) {
            request.row(0, t, sequence.token(start + t), start + t);
            for (int seen = 0; seen < t; seen++) {
                request.see(0, t, seen);
            }
        }
        // Two rows' logits, for a lone one would take another kernel. A step of two rows gives both, in order.
        int last = count - 1;
        int output = rows == Engine.MIN_ROWS ? last : 0;
        if (rows > Engine.MIN_ROWS) {
            request.outputRow(0, 0, last);
            request.outputRow(0, 1, last);
        }
        Steps.await(target.step(request, result));
        onItsOwn(sequence, () -> tookChunk(sequence, start, count, output));
        restartAccount();
    }

    private void tookChunk(Sequence sequence, int start, int count, int output) {
        sequence.readPrompt(count);
        int next = start + count;
        boolean knowsNext = next < sequence.length();
        for (int t = 0; t < (knowsNext ? count : count - 1); t++) {
            sequence.drafter().observe(sequence, result, 0, t, sequence.token(start + t + 1));
        }
        if (!sequence.readsPrompt() && !knowsNext) {
            drawFirst(sequence, count - 1, output);
        }
    }

    private void drawFirst(Sequence sequence, int row, int output) {
        int token = sequence.sampler().sample(result, 0, output, sequence.length());
        if (token == TokenSampler.NEEDS_LOGITS) {
            Steps.await(target.fetchLogits(result, 0, output));
            token = sequence.sampler().sample(result, 0, output, sequence.length());
        }
        fetchForLogprob(sequence, 0, output, token);
        sequence.sampler().accept(token);
        if (sequence.append(token, result, 0, output, endTokens.contains(token))) {
            sequence.drafter().observe(sequence, result, 0, row, token);
        }
    }

    /** A token from the tail has its log-probability only in the full logits. */
    private void fetchForLogprob(Sequence sequence, int b, int row, int token) {
        if (sequence.options().logprobs() > 0 && Float.isNaN(sequence.sampler().logprob(result, b, row, token))) {
            Steps.await(target.fetchLogits(result, b, row));
        }
    }

    /** What goes wrong with one sequence's results ends that sequence, and no other; a lost pool concerns all. */
    static void onItsOwn(Sequence sequence, Runnable work) {
        try {
            work.run();
        } catch (PoolLostException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.error("A generation ends with an error of its own", e);
            sequence.fail(e);
        }
    }

    /**
     * One draft-verify cycle.
     *
     * @param decoding the sequences that are to go on, by slot
     */
    void cycle(List<Sequence> decoding) {
        stepping.clear();
        drafting.clear();
        boolean half = halves.divides(decoding.size());
        if (half) {
            halves.divide(decoding, stepping, drafting);
        } else {
            stepping.addAll(decoding);
        }
        costs.turns(half ? decoding.size() : 0);
        int context = 0;
        for (Sequence sequence : stepping) {
            context = Math.max(context, sequence.finalRows());
        }
        costs.context(context);
        long start = target.nanoTime();
        boolean draftedNow = propose(stepping);
        double draftSeconds = (target.nanoTime() - start) / NANOS;
        int first = stepping.get(0).slot();
        int batch = stepping.get(stepping.size() - 1).slot() - first + 1;
        int keep = beginStep(first, batch);
        int rows = batch * request.rows();
        RuntimeException failure = verify();
        if (half) {
            costs.tookBeside(rows, verifyNanos);
            halves.tookHalf(rows, (target.nanoTime() - start) / NANOS);
        } else {
            costs.took(rows, verifyNanos);
            if (draftedNow) {
                halves.tookWhole(rows, draftSeconds);
            }
        }
        account();
        for (Sequence sequence : stepping) {
            onItsOwn(sequence, () -> accept(sequence, sequence.slot() - first, keep));
        }
        if (failure != null) {
            stepping.clear();
            stepping.addAll(drafting);
            throw failure;
        }
    }

    /**
     * Lets every sequence that has no tree get one.
     *
     * @return whether none had one
     */
    private boolean propose(List<Sequence> sequences) {
        byDrafter.values().forEach(List::clear);
        boolean all = true;
        for (Sequence sequence : sequences) {
            if (sequence.awaitsVerification()) {
                all = false;
            } else {
                byDrafter.get(sequence.drafter()).add(sequence);
            }
        }
        byDrafter.forEach((drafter, without) -> {
            if (!without.isEmpty()) {
                drafter.propose(without);
                prune(drafter, without);
                without.forEach(Sequence::proposed);
            }
        });
        return all;
    }

    /**
     * Writes the step that verifies the trees.
     *
     * @return rows that it keeps for every sequence
     */
    private int beginStep(int first, int batch) {
        int rows = 1;
        int keep = 0;
        for (Sequence sequence : stepping) {
            rows = Math.max(rows, 1 + sequence.tree().size());
            keep = Math.max(keep, sequence.keepCount());
        }
        rows = Math.max(rows, (Engine.MIN_ROWS + batch - 1) / batch);
        request.begin(first, batch, rows, keep, keep + rows, rows);
        for (int b = 0; b < batch; b++) {
            Sequence idle = slots[first + b];
            request.windowStart(b, idle == null ? prefixes.rows(first + b) : idle.usedRows());
        }
        for (Sequence sequence : stepping) {
            writeRows(sequence, sequence.slot() - first, keep);
        }
        return keep;
    }

    /**
     * Runs the step, and drafts for the others meanwhile.
     *
     * @return why drafting failed; null when it did not
     */
    private RuntimeException verify() {
        long start = target.nanoTime();
        CompletionStage<StepResult> running = target.step(request, result);
        if (drafting.isEmpty()) {
            Steps.await(running);
            verifyNanos = target.nanoTime() - start;
            return null;
        }
        EndOfStep end = new EndOfStep();
        running.whenComplete((done, failed) -> end.at = target.nanoTime());
        long before = drafted();
        RuntimeException failure = null;
        try {
            propose(drafting);
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            // Whatever happened, nobody may touch the step's buffers while it runs.
            Steps.await(running);
        }
        long ended = end.at;
        verifyNanos = (ended == 0 ? target.nanoTime() : ended) - start;
        hiddenNanos = Math.min(drafted() - before, verifyNanos);
        return failure;
    }

    private long drafted() {
        return draftCosts == null ? 0 : draftCosts.nanos();
    }

    /** When a step ended; written by whoever ends it, 0 before. */
    private static final class EndOfStep {
        private volatile long at;
    }

    private void prune(Drafter drafter, List<Sequence> sequences) {
        for (Sequence sequence : sequences) {
            if (sequence.grammar() != null && !drafter.readsItsNodes()) {
                pruner.prune(sequence.tree(), sequence.grammar());
            }
        }
    }

    /**
     * Divides the time since the last cycle's acceptance, or since this cycle began, by what was done and among the sequences.
     */
    private void account() {
        long now = target.nanoTime();
        long drafted = drafted();
        draftNanos = Math.max(0, drafted - draftedBefore - hiddenNanos);
        hiddenNanos = 0;
        hostNanos = Math.max(0, now - acceptedAt - verifyNanos - draftNanos);
        acceptedAt = now;
        draftedBefore = drafted;
        verifyNanos /= stepping.size();
        draftNanos /= stepping.size();
        hostNanos /= stepping.size();
    }

    /** What happens now is no part of a cycle. */
    void restartAccount() {
        acceptedAt = target.nanoTime();
        draftedBefore = drafted();
    }

    private void writeRows(Sequence sequence, int b, int keep) {
        request.windowStart(b, sequence.finalRows());
        for (int i = 0; i < sequence.keepCount(); i++) {
            request.keepRow(b, i, sequence.keepRow(i));
        }
        int last = sequence.length() - 1;
        sequence.tree().writeRows(request, b, keep, sequence.token(last), last);
        for (int t = 0; t <= sequence.tree().size(); t++) {
            for (int kept = 0; kept < sequence.keepCount(); kept++) {
                request.see(b, t, kept);
            }
        }
    }

    private void accept(Sequence sequence, int b, int keep) {
        DraftTree tree = sequence.tree();
        int root = sequence.token(sequence.length() - 1);
        Verifier verifier = beginVerification(sequence);
        PoolLostException lost = walk(verifier, sequence, tree, b);
        int count = verifier.count();
        for (int i = 0; i < count; i++) {
            accepted[i] = verifier.acceptedRow(i);
            emitted[i] = verifier.emitted(i);
        }
        sequence.verifiedRows(keep, accepted, count);
        CycleEvent.record(name, sequence, count, draftNanos, verifyNanos, hostNanos);
        if (sequence.cycles() != null) {
            for (int i = 1; i < count; i++) {
                acceptedNodes[i - 1] = accepted[i] - 1;
            }
            sequence.cycles().timed(draftNanos, verifyNanos, hostNanos);
            sequence.cycles().verified(root, tree, acceptedNodes, emitted, count);
        }
        sequence.drafter().verified(sequence, result, b, count);
        for (int i = 0; i < count; i++) {
            if (!sequence.append(emitted[i], result, b, accepted[i], endTokens.contains(emitted[i]))) {
                return;
            }
        }
        if (lost != null) {
            sequence.interrupted(count);
            throw lost;
        }
        sequence.verified();
        for (int i = 0; i < count; i++) {
            sequence.drafter().observe(sequence, result, b, accepted[i], emitted[i]);
        }
    }

    private Verifier beginVerification(Sequence sequence) {
        if (sequence.chain() == null) {
            treeVerifier.begin();
            return treeVerifier;
        }
        rejectionVerifier.begin(sequence.chain());
        return rejectionVerifier;
    }

    /** Walks the tree; when the pool is lost on the way, what was decided before stands, and the loss is returned. */
    private PoolLostException walk(Verifier verifier, Sequence sequence, DraftTree tree, int b) {
        try {
            while (!verifier.walk(tree, result, b, sequence.sampler(), sequence.length(), sequence.remaining(), endTokens)) {
                Steps.await(target.fetchLogits(result, b, verifier.row()));
            }
            for (int i = 0; i < verifier.count(); i++) {
                fetchForLogprob(sequence, b, verifier.acceptedRow(i), verifier.emitted(i));
            }
            return null;
        } catch (PoolLostException e) {
            return e;
        }
    }
}
