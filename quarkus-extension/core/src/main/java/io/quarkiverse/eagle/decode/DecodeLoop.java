package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.tree.TreeVerifier;

/**
 * Decodes the sequences of one model on a thread of its own. A turn admits waiting sequences into free slots, reads one chunk
 * of a prompt, or as many as the last cycle leaves time for, and runs one draft-verify cycle of every decoding sequence:
 * propose, one target step for all, accept. A sequence whose consumer does not ask is left out until it does; it gives its slot
 * away when others wait for one, or after a while, and is read again later. When an engine loses its pool, all sequences are
 * read again and go on where they stopped.
 */
final class DecodeLoop implements Runnable {

    private static final Logger LOG = Logger.getLogger(DecodeLoop.class);

    static final long DEADLINE_CHECK_NANOS = 20_000_000;

    /**
     * A sequence in whose steps the engine was lost so often before its next token may be what kills it: it decodes alone, and
     * in the end fails alone.
     */
    private static final int REPLAYS_TOGETHER = 2;
    private static final int MOST_REPLAYS = 5;

    /** So many failed steps, and no cycle that worked between them, are the engine's fault and not a request's. */
    static final int MOST_FAILURES = 3;

    private final Engine target;
    private final TargetSteps steps;
    private final Lobby lobby;
    private final Sequence[] slots;
    private final CachedPrefixes prefixes;
    private final Queue<Sequence> prompts = new ArrayDeque<>();
    private final List<Sequence> decoding = new ArrayList<>();
    /** Those who want all sequences ended; completed when they are. */
    private final Queue<CompletableFuture<Void>> endings = new ConcurrentLinkedQueue<>();
    private final Outage outage;
    private final long parkingNanos;
    private final long abandonmentNanos;
    private final Thread thread;
    /** How long the last turn's cycle took, 0 when it had none. */
    private long cycleNanos;
    private volatile boolean stopping;
    /** When what runs is ended, once the loop takes no more requests; null before. */
    private volatile Long drainUntil;
    /** While it drains, those that wait have their turn too. */
    private volatile boolean servesWaiting;
    /** Steps that failed since the last cycle that worked, lost pools not counted. */
    private int failures;
    /** Written before the loop starts. */
    private Neighbourhood neighbours = Neighbourhood.NONE;
    /** For others to read; counted by the loop. */
    private volatile int slotsInUse;

    /**
     * @param costs learn from every verification
     * @param draftCosts know the time of drafting; null without a draft head
     */
    DecodeLoop(String name, Engine target, TreeVerifier.EndTokens endTokens, ModelOptions options, StepCosts costs,
            StepCosts draftCosts) {
        this.target = target;
        this.outage = new Outage(options.recovery().toNanos());
        EngineShape shape = target.shape();
        this.lobby = new Lobby(name, options);
        this.parkingNanos = nanos(options.limits().parking());
        this.abandonmentNanos = nanos(options.limits().abandonment());
        this.slots = new Sequence[shape.slots()];
        this.prefixes = new CachedPrefixes(shape.slots(), options.prefixReuse());
        this.steps = new TargetSteps(name, target, endTokens, options.halfBatching(), costs, draftCosts, slots, prefixes);
        this.thread = new Thread(this, "eagle-decode-" + name);
        thread.setDaemon(true);
        // Who opens the model may come and go before the loop does.
        thread.setContextClassLoader(DecodeLoop.class.getClassLoader());
    }

    /** What is around a loop. Called on the loop's thread. */
    interface Neighbourhood {

        /** Nobody else decodes for the model. */
        Neighbourhood NONE = new Neighbourhood() {
            @Override
            public boolean takes(Sequence sequence) {
                return false;
            }

            @Override
            public void fails() {
                // Nobody could do better.
            }

            @Override
            public void left(Sequence sequence) {
                // What begins alike comes here anyway.
            }
        };

        /** Gives a sequence to another loop, which has it from then on; false when none takes it. */
        boolean takes(Sequence sequence);

        /** Steps fail, one after the other; said again after each further one. */
        void fails();

        /** A sequence gave its slot away, which holds its rows for now. */
        void left(Sequence sequence);
    }

    void start() {
        start(Neighbourhood.NONE);
    }

    void start(Neighbourhood around) {
        neighbours = around;
        thread.start();
    }

    /** As many nanoseconds; for ever when the limit is null or longer than clocks can tell. */
    static long nanos(Duration limit) {
        return limit == null || limit.compareTo(Sequence.LONGEST_TIME) > 0 ? Long.MAX_VALUE : limit.toNanos();
    }

    /** Queues a sequence; null when it waits, else why it was refused. */
    OverloadedException submit(Sequence sequence) {
        OverloadedException.Reason refusal = isClosing() ? OverloadedException.Reason.SHUTTING_DOWN : lobby.offer(sequence);
        if (refusal != null) {
            return lobby.refusal(refusal, sequence, target.nanoTime());
        }
        wake();
        return null;
    }

    /**
     * Takes a sequence over from another loop: what ran goes on as if it had given its slot away here, what waited waits. To be
     * called when the sequence was moved to this loop's engines.
     *
     * @return false when it cannot be taken, and still belongs to its loop
     */
    synchronized boolean take(Sequence sequence) {
        if (isClosing() || !lobby.take(sequence)) {
            return false;
        }
        wake();
        return true;
    }

    /** In how long those who wait now should have been admitted. */
    Duration timeToClear() {
        return lobby.timeToClear(target.nanoTime());
    }

    /** Whether requests are refused because the loop is about to end, or has. */
    boolean isClosing() {
        return stopping || drainUntil != null;
    }

    /** Sequences that wait for a slot and never had one. */
    int queued() {
        return lobby.queued();
    }

    /** Slots that belong to a sequence, as of the last turn. */
    int slotsInUse() {
        return slotsInUse;
    }

    /** Sequences that gave their slots away, or came from other loops, and will have one again; as of the last turn. */
    int away() {
        return lobby.away();
    }

    /** Whether the engine was lost, and no step worked since. */
    boolean isLost() {
        return outage.lasts();
    }

    /** Something changed that the loop may wait for: a new sequence, demand, a cancellation. */
    void wake() {
        LockSupport.unpark(thread);
    }

    /**
     * Takes no more requests, and refuses those that wait. What runs may come to its end within a time, counted from the first
     * call; then it ends with what it has, and the loop stops. Returns at once.
     */
    synchronized void drain(Duration limit) {
        long until = System.nanoTime() + Math.min(nanos(limit), Long.MAX_VALUE / 2);
        if (drainUntil == null || servesWaiting && until - drainUntil < 0) {
            drainUntil = until;
        }
        servesWaiting = false;
        wake();
    }

    /**
     * As {@link #drain}, but those that wait may come to their end too, and when the time is over other loops take what they
     * can.
     * Without effect on a loop that drains already.
     */
    synchronized void retire(Duration limit) {
        if (drainUntil == null) {
            servesWaiting = true;
            drainUntil = System.nanoTime() + Math.min(nanos(limit), Long.MAX_VALUE / 2);
        }
        wake();
    }

    /** When what runs is ended, once {@link #drain} was called. */
    long drainUntil() {
        return drainUntil;
    }

    /**
     * Fails the running sequences after the running cycle, refuses those that wait, and goes on with what is submitted then.
     * Not to be called while the loop stops.
     */
    void endAll() {
        CompletableFuture<Void> ended = new CompletableFuture<>();
        endings.add(ended);
        wake();
        if (thread.isAlive()) {
            ended.join();
        }
    }

    private void endAsked() {
        lobby.receive();
        for (CompletableFuture<Void> ended = endings.poll(); ended != null; ended = endings.poll()) {
            failRunning("the application stops");
            lobby.refuseWaiting(target.nanoTime());
            ended.complete(null);
        }
    }

    private void failRunning(String reason) {
        failAll(new EngineException(reason));
        lobby.endAway(sequence -> sequence.fail(new EngineException(reason)));
    }

    /** Stops after the running cycle; running sequences fail, waiting ones are refused. */
    void stop() {
        stopping = true;
        wake();
        if (thread.getState() == Thread.State.NEW) {
            end();
            return;
        }
        awaitEnd(System.nanoTime() + Long.MAX_VALUE / 2);
    }

    /** Waits until the loop has stopped; false when it has not at this time, in terms of {@link System#nanoTime}. */
    boolean awaitEnd(long until) {
        boolean interrupted = false;
        long left = until - System.nanoTime();
        while (thread.isAlive() && Thread.currentThread() != thread && left > 0) {
            try {
                TimeUnit.NANOSECONDS.timedJoin(thread, left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
            left = until - System.nanoTime();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !thread.isAlive();
    }

    @Override
    public void run() {
        while (!stopping) {
            if (!advance()) {
                rest();
            }
        }
        end();
    }

    /** One turn, and what follows when the engine fails in it; false when there was nothing to do. */
    boolean advance() {
        try {
            endAsked();
            return turn();
        } catch (PoolLostException e) {
            replayAll(e);
        } catch (RuntimeException | Error e) {
            // A step fails for all that took part: their rows in the pool are in doubt. Waiting sequences start afresh.
            LOG.error("A decode step failed; the running generations end with its error", e);
            failAll(e);
            if (++failures >= MOST_FAILURES) {
                neighbours.fails();
                handOver();
            }
        }
        return false;
    }

    private void end() {
        synchronized (this) {
            lobby.receive(); // from now on nothing can be taken
        }
        failRunning("the model is closed");
        lobby.close(target.nanoTime());
        endAsked();
    }

    /** Sleeps until something changes; while there are sequences not for long, for their deadlines pass meanwhile. */
    private void rest() {
        if (isIdle() && !isClosing()) {
            LockSupport.park(this);
        } else {
            LockSupport.parkNanos(this, DEADLINE_CHECK_NANOS);
        }
    }

    /** Whether only a call of {@link #wake} can bring something to do. */
    boolean isIdle() {
        boolean idle = lobby.isEmpty();
        for (Sequence sequence : slots) {
            idle &= sequence == null;
        }
        return idle;
    }

    /** One turn; false when there was nothing to do. */
    private boolean turn() {
        steps.beginTurn();
        lobby.receive();
        leave();
        if (drainUntil != null && drained()) {
            stopping = true;
            return true;
        }
        boolean resting = outage.rests(target.nanoTime());
        if (!resting) {
            admit();
        }
        countSlots();
        if (resting) {
            return false;
        }
        boolean worked = false;
        long began = target.nanoTime();
        for (Sequence prompt = prompts.poll(); prompt != null; prompt = readsOn(began) ? prompts.poll() : null) {
            steps.readChunk(prompt);
            if (prompt.readsPrompt() && !prompt.isFinished()) {
                prompts.add(prompt);
            }
            worked = true;
        }
        gatherDecoding();
        cycleNanos = 0;
        if (!decoding.isEmpty()) {
            long start = target.nanoTime();
            steps.cycle(decoding);
            failures = 0;
            cycleNanos = target.nanoTime() - start;
            worked = true;
        }
        if (worked) {
            outage.ends();
        }
        return worked;
    }

    /** Prompts are read for as long as the last cycle took, so that neither they nor those that decode wait for long. */
    private boolean readsOn(long began) {
        return target.nanoTime() - began < cycleNanos;
    }

    /** Lets go of finished, cancelled and overdue sequences, wherever they are. */
    private void leave() {
        for (int slot = 0; slot < slots.length; slot++) {
            if (slots[slot] != null && isOver(slots[slot])) {
                prompts.remove(slots[slot]);
                vacate(slot);
            } else if (slots[slot] != null && mayGoAway(slots[slot])
                    && slots[slot].idleness().nanos(target.nanoTime()) >= parkingNanos) {
                sendAway(slot);
            }
        }
        lobby.removeIf(this::isOver);
        lobby.refuseOverdue(target.nanoTime());
    }

    /** Refuses what waits, and ends what runs when its time is over; whether nothing is left. */
    private boolean drained() {
        boolean early = System.nanoTime() - drainUntil < 0;
        if (!early && servesWaiting) {
            lobby.receive();
            handOver();
        }
        if (!early || !servesWaiting) {
            lobby.close(target.nanoTime());
        }
        if (early) {
            return isIdle();
        }
        lobby.receive();
        for (Sequence sequence : slots) {
            if (sequence != null) {
                sequence.end(FinishReason.SHUTDOWN);
            }
        }
        lobby.endAway(sequence -> sequence.end(FinishReason.SHUTDOWN));
        return true;
    }

    /** A sequence leaves its slot; the next one that begins with the same tokens finds its rows there. */
    private void vacate(int slot) {
        prefixes.left(slot, slots[slot]);
        neighbours.left(slots[slot]);
        slots[slot] = null;
    }

    private void countSlots() {
        int used = 0;
        for (Sequence sequence : slots) {
            used += sequence == null ? 0 : 1;
        }
        slotsInUse = used;
        lobby.count();
    }

    private boolean isOver(Sequence sequence) {
        if (!sequence.isFinished() && !sequence.stream().isCancelled()) {
            if (sequence.isPastDeadline()) {
                sequence.end(FinishReason.DEADLINE);
            } else if (sequence.idleness().nanos(target.nanoTime()) >= abandonmentNanos) {
                sequence.end(FinishReason.ABANDONED);
            }
        }
        return sequence.isFinished() || sequence.stream().isCancelled();
    }

    /** Gives slots to those who are next, as long as there are any. */
    private void admit() {
        lobby.countTenants(slots);
        for (Sequence sequence = lobby.next(); sequence != null; sequence = lobby.next()) {
            int slot = slotToGive(sequence);
            if (slot < 0) {
                return;
            }
            if (lobby.admit(sequence, target.nanoTime())) {
                admit(sequence, slot);
            }
        }
    }

    private void admit(Sequence sequence, int slot) {
        boolean first = !sequence.wasAdmitted();
        slots[slot] = sequence;
        steps.knows(sequence.drafter());
        int computed = Math.min(sequence.finalRows(), sequence.tokensToRead() - 1);
        boolean lost = enter(sequence, slot) < computed;
        TargetSteps.onItsOwn(sequence, () -> entered(sequence, first, lost));
    }

    private void entered(Sequence sequence, boolean first, boolean lost) {
        if (first) {
            sequence.tellAdmitted();
        } else if (lost) {
            sequence.tellReplayed(ReplayReason.SLOT_LOST);
        }
        prompts.add(sequence);
    }

    /**
     * A sequence starts, or goes on, with the rows that its slot holds of it, or with copies of those that another one has.
     *
     * @return how many rows that were
     */
    private int enter(Sequence sequence, int slot) {
        int held = prefixes.common(slot, null, sequence);
        prefixes.forget(slot);
        Optional<RowCopying> copying = target.rowCopying();
        int source = copying.isEmpty() ? -1
                : prefixes.sourceFor(sequence, slot, sequence.takesOver(slot, held), slots);
        if (source < 0) {
            sequence.enter(slot, held);
            return held;
        }
        int shared = prefixes.common(source, slots[source], sequence);
        sequence.enter(slot, shared, source);
        if (sequence.prefilled() > 0) {
            Steps.await(copying.get().copy(source, slot, sequence.prefilled()));
            prefixes.used(source);
        }
        return shared;
    }

    /** A free slot; else that of a sequence whose consumer does not ask, which is read again later; else -1. */
    private int slotToGive(Sequence sequence) {
        int free = prefixes.slotFor(sequence, slots, target.rowCopying().isPresent());
        if (free >= 0) {
            return free;
        }
        for (int slot = 0; slot < slots.length; slot++) {
            if (mayGoAway(slots[slot])) {
                sendAway(slot);
                return slot;
            }
        }
        return -1;
    }

    private boolean mayGoAway(Sequence sequence) {
        return sequence.isParked() && !sequence.readsPrompt() && lobby.hasRoomForOneAway();
    }

    /** A parked sequence gives its slot away; it keeps its tokens, and comes back when its consumer asks. */
    private void sendAway(int slot) {
        lobby.sendAway(slots[slot]);
        vacate(slot);
    }

    private void gatherDecoding() {
        decoding.clear();
        for (Sequence sequence : slots) {
            if (sequence != null && !sequence.isFinished() && !sequence.readsPrompt() && !sequence.isParked()
                    && !sequence.stream().isCancelled()) {
                decoding.add(sequence);
                if (sequence.replays() >= REPLAYS_TOGETHER) {
                    decoding.clear();
                    decoding.add(sequence);
                    break;
                }
            }
        }
    }

    /**
     * The engines' pools are void: every sequence reads its own tokens again, after a pause that grows, and goes on where it
     * stopped. Fails those that cannot be helped this way.
     */
    private void replayAll(PoolLostException reason) {
        if (outage.isKnown()) {
            handOver(); // what is back at once, after a connection broke, keeps what it has
        } else {
            LOG.warnf("An engine lost its pool; the running generations are read again: %s", reason.getMessage());
        }
        if (!outage.goesOn(target.nanoTime())) {
            failAll(reason);
            return;
        }
        prompts.clear();
        forgetPools();
        for (int slot = 0; slot < slots.length; slot++) {
            Sequence sequence = slots[slot];
            if (sequence == null || sequence.isFinished()) {
                slots[slot] = null;
            } else if (sequence.replays() >= MOST_REPLAYS) {
                LOG.error("A generation ends: the engine was lost again and again in its steps", reason);
                sequence.fail(reason);
                slots[slot] = null;
            } else {
                boolean hadRead = sequence.finalRows() > 0;
                sequence.replay(reason.reached() && steps.concerned(sequence));
                TargetSteps.onItsOwn(sequence, () -> replayed(sequence, hadRead));
            }
        }
    }

    /** Other loops take what they can; but not what may be the reason why engines die. */
    private void handOver() {
        for (int slot = 0; slot < slots.length; slot++) {
            Sequence sequence = slots[slot];
            if (sequence != null && !isOver(sequence) && goesElsewhere(sequence)) {
                slots[slot] = null;
            }
        }
        lobby.removeIf(sequence -> !isOver(sequence) && goesElsewhere(sequence));
        countSlots();
    }

    private boolean goesElsewhere(Sequence sequence) {
        return !sequence.isPinned() && sequence.replays() < REPLAYS_TOGETHER && neighbours.takes(sequence);
    }

    private void replayed(Sequence sequence, boolean hadRead) {
        if (hadRead) {
            sequence.tellReplayed(ReplayReason.POOL_LOST);
        }
        prompts.add(sequence);
    }

    /** What the engines hold is void, or in doubt. */
    private void forgetPools() {
        prefixes.forgetAll();
        steps.forgetDrafts();
    }

    private void failAll(Throwable reason) {
        forgetPools();
        for (int slot = 0; slot < slots.length; slot++) {
            if (slots[slot] != null && !slots[slot].isFinished()) {
                slots[slot].fail(reason);
            }
            slots[slot] = null;
        }
        prompts.clear();
        countSlots();
    }
}
