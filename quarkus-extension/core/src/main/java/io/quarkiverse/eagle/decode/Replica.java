package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.tree.TreeVerifier;

/**
 * One of a model's sets of engines, with what belongs to it: the loop that decodes on it, its drafters, its costs. Owns the
 * engines. Thread-safe.
 */
final class Replica implements Placement.Place {

    private static final Logger LOG = Logger.getLogger(Replica.class);

    /** A draft model's steps beyond the prompt have a row per sequence. */
    private static final int DRAFT_MODEL_ROWS = 8;

    private static final int LEAVING = Integer.MIN_VALUE;

    /** Time for generations that were cut off to tell their consumers so. */
    private static final long LAST_WORDS_NANOS = 500_000_000;

    private final String name;
    private final Supplier<EnginePair> opener;
    private final long identity;
    private final BundleManifest manifest;
    private final EnginePair engines;
    private final ModelOptions options;
    private final Drafters drafters;
    private final StepCosts targetCosts;
    private final SpeculationEconomy economy;
    private final DecodeLoop loop;
    private final OpenStreams openStreams = new OpenStreams();
    private final AtomicBoolean probed = new AtomicBoolean();
    /** Requests that are on their way to the loop; {@link #LEAVING} is added when no more may come. */
    private final AtomicInteger reserved = new AtomicInteger();
    /** Completed when it has left; null while it stays. */
    private volatile CompletableFuture<Void> leaving;
    /** Waits for the last of the reserved. */
    private volatile Thread leaver;
    /** Closing gave up waiting for a step. */
    private volatile boolean stuck;
    private boolean released;

    /**
     * Measures the engines' costs.
     *
     * @param opener opened the engines
     * @param opened the engines; the caller closes them when this fails
     */
    Replica(String name, Supplier<EnginePair> opener, BundleManifest manifest, EnginePair opened, ModelOptions options) {
        this.name = name;
        this.opener = opener;
        this.identity = Placement.identity(name);
        this.manifest = manifest;
        this.engines = opened.recorded(manifest.name());
        this.options = options;
        this.targetCosts = new StepCosts(cost("target", engines.target(), engines.target().shape().maxRows()));
        this.economy = engines.draft() == null ? null
                : new SpeculationEconomy(targetCosts,
                        new StepCosts(cost("draft", engines.draft(), engines.draft().shape().topK())),
                        manifest.acceptance());
        Engine draftModel = engines.further().get(SpeculativeDrafter.NAME);
        this.drafters = new Drafters(manifest.name(), slots(), targetCosts, engines, economy,
                draftModel == null ? null : cost("draft model", draftModel, DRAFT_MODEL_ROWS), options.ownDrafters());
        drafter(null);
        this.loop = new DecodeLoop(manifest.name(), engines.target(), TreeVerifier.EndTokens.of(manifest.eosIds()),
                options, targetCosts, economy == null ? null : economy.draft());
    }

    /** Begins to decode. */
    void start(DecodeLoop.Neighbourhood around) {
        loop.start(around);
    }

    private CostCurve cost(String role, Engine engine, int mostRows) {
        return options.costs() == null ? CostMeasurement.measure(engine, mostRows)
                : options.costs().curve(costsName(role), engine, mostRows);
    }

    private String costsName(String role) {
        return manifest.checksum() + " " + role;
    }

    /** What the steps of this run have taught is where the next start begins. */
    private void keepCosts() {
        if (options.costs() == null) {
            return;
        }
        keepCosts("target", targetCosts);
        if (economy != null) {
            keepCosts("draft", economy.draft());
        }
    }

    private void keepCosts(String role, StepCosts costs) {
        if (costs.nanos() > 0) {
            options.costs().keep(costsName(role), costs.curve());
        }
    }

    String name() {
        return name;
    }

    /** What its engines were opened with. */
    Supplier<EnginePair> opener() {
        return opener;
    }

    Engine target() {
        return engines.target();
    }

    int slots() {
        return engines.target().shape().slots();
    }

    DecodeLoop loop() {
        return loop;
    }

    Drafters drafters() {
        return drafters;
    }

    /** The drafter of that name, the model's own for null. */
    Drafter drafter(String wanted) {
        String named = wanted != null ? wanted : options.drafter();
        return named == null ? drafters.standard() : drafters.named(named);
    }

    StepCosts targetCosts() {
        return targetCosts;
    }

    /** Null without a draft. */
    SpeculationEconomy economy() {
        return economy;
    }

    @Override
    public long identity() {
        return identity;
    }

    @Override
    public Placement.Standing standing() {
        return isLeaving() ? Placement.Standing.LEAVING
                : loop.isLost() ? Placement.Standing.LOST
                        : loop.queued() >= options.queueLimit() ? Placement.Standing.FULL : Placement.Standing.OPEN;
    }

    @Override
    public int load() {
        return (reserved.get() & Integer.MAX_VALUE) + loop.queued() + loop.slotsInUse() + loop.away();
    }

    ReplicaStatus status() {
        ReplicaStatus.State state = isLeaving() || loop.isClosing() ? ReplicaStatus.State.DRAINING
                : loop.isLost() ? ReplicaStatus.State.LOST : ReplicaStatus.State.SERVING;
        return new ReplicaStatus(name, state, slots(), loop.slotsInUse(), loop.queued());
    }

    /** Keeps it from leaving until {@link #free}; false when it leaves already. */
    boolean reserve() {
        int before = reserved.get();
        while (before >= 0 && !reserved.compareAndSet(before, before + 1)) {
            before = reserved.get();
        }
        return before >= 0;
    }

    void free() {
        if (reserved.decrementAndGet() == LEAVING) {
            LockSupport.unpark(leaver);
        }
    }

    /**
     * Takes a sequence over from another replica; false when it cannot, and the sequence stays where it is. On the other one's
     * loop's thread.
     */
    boolean take(Sequence sequence, Replica other) {
        if (!drafters.available().contains(sequence.drafter().name())) {
            return false;
        }
        moveHere(sequence);
        if (loop.take(sequence)) {
            other.openStreams.over(sequence.stream());
            return true;
        }
        openStreams.over(sequence.stream());
        other.moveHere(sequence);
        return false;
    }

    private void moveHere(Sequence sequence) {
        sequence.moveTo(drafters.named(sequence.drafter().name()), target().shape());
        sequence.stream().onRoom(loop::wake);
        openStreams.opened(sequence.stream());
    }

    /** A subscriber is about to hear of its stream here. */
    void opened(TokenStream stream) {
        openStreams.opened(stream);
    }

    /** Queues a sequence; null when it waits, else why it was refused. */
    OverloadedException submit(Sequence sequence) {
        return loop.submit(sequence);
    }

    /** Whether it needs somebody to find out if its lost engines are back; true once, until {@link #wasProbed}. */
    boolean wantsProbe() {
        return standing() == Placement.Standing.LOST && load() == 0 && probed.compareAndSet(false, true);
    }

    void wasProbed() {
        probed.set(false);
    }

    boolean isLeaving() {
        return leaving != null;
    }

    /** From now on nobody can reserve it. To be called once. */
    CompletableFuture<Void> beginToLeave() {
        leaving = new CompletableFuture<>();
        reserved.addAndGet(LEAVING);
        return leaving;
    }

    /** Completed when it has left; null while it stays. */
    CompletableFuture<Void> leaving() {
        return leaving;
    }

    /**
     * Lets what runs and waits come to its end within a time, then closes the engines.
     *
     * @throws EngineException the step that ran at the end did not return; the engines stay open
     */
    void leave(Duration limit, Duration stepPatience) {
        long began = System.nanoTime();
        long most = DecodeLoop.nanos(limit);
        awaitFree(began, most);
        loop.retire(Duration.ofNanos(Math.max(0, most - (System.nanoTime() - began))));
        if (!awaitEnd(stepPatience)) {
            throw new EngineException(name + " is closed, and the step that ran did not return");
        }
    }

    private void awaitFree(long began, long most) {
        leaver = Thread.currentThread();
        for (long left = most; reserved.get() != LEAVING && left > 0; left = most - (System.nanoTime() - began)) {
            LockSupport.parkNanos(this, left);
        }
    }

    /**
     * Waits for a loop that drains, and closes the engines.
     *
     * @param stepPatience how long to wait for the step that runs when the loop's limit is reached
     * @return false when that step did not return: everything was failed, and the engines stay open
     */
    boolean awaitEnd(Duration stepPatience) {
        long until = loop.drainUntil();
        if (stuck || !loop.awaitEnd(until + stepPatience.toNanos())) {
            stuck = true;
            LOG.errorf("A step of %s does not return; the model is closed as far as possible, but its engines stay open",
                    manifest.name());
            openStreams.failAll(new EngineException("the model is closed, and the step that ran did not return"));
            return false;
        }
        openStreams.awaitNone(Math.max(until, System.nanoTime() + LAST_WORDS_NANOS));
        release();
        return true;
    }

    /** Stops after the running cycle, and closes the engines; false when it is known that the cycle does not end. */
    boolean stop() {
        if (stuck) {
            return false;
        }
        loop.stop();
        release();
        return true;
    }

    /** Once; who comes later waits until it is done. */
    private synchronized void release() {
        if (released) {
            return;
        }
        released = true;
        try {
            keepCosts();
            drafters.closeOwn();
        } finally {
            engines.close();
        }
    }
}
