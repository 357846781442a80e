package io.quarkiverse.eagle.triton;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.engine.DraftedTree;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.TreeDrafting;
import io.quarkiverse.eagle.engine.TreeRequest;
import io.quarkiverse.eagle.triton.client.TritonException;

/**
 * An engine that a Triton server hosts. Holds a lease of the host's slots and keeps it alive; its slot i is slot first + i
 * there.
 * <p>
 * When the server or the lease is lost, the step that finds it out fails with a {@link PoolLostException}; every step after
 * that
 * makes one attempt to get new slots, at the next server, before it runs. So no step ever runs on rows that its caller did not
 * write, whatever happened in between.
 */
final class TritonEngine implements Engine {

    private static final Logger LOG = Logger.getLogger(TritonEngine.class);

    private static final ScheduledThreadPoolExecutor LEASES = leases();
    private static final Executor CONNECTOR = Executors.newCachedThreadPool(task -> daemon(task, "eagle-triton-connect"));

    private final HostAccess host;
    private final String model;
    private final Runnable whenClosed;
    private final Optional<TreeDrafting> treeDrafting;
    private final Optional<RowCopying> rowCopying = Optional.of(this::copy);
    private final ReentrantLock lock = new ReentrantLock();
    /** Null while there is none. */
    private HostSession session;
    /** A loss that no step has failed of yet. */
    private PoolLostException unreported;
    /** Steps and fetches run one after the other. */
    private CompletableFuture<?> last = CompletableFuture.completedFuture(null);
    private StepResult lastResult;
    private long steps;
    private ScheduledFuture<?> renewal;
    private boolean closed;

    private static ScheduledThreadPoolExecutor leases() {
        ScheduledThreadPoolExecutor leases = new ScheduledThreadPoolExecutor(1, task -> daemon(task, "eagle-triton-leases"));
        leases.setRemoveOnCancelPolicy(true);
        return leases;
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /**
     * @param session the first lease
     * @param whenClosed run once, at the end of {@link #close()}
     */
    TritonEngine(HostAccess host, HostSession session, Runnable whenClosed) {
        this.host = host;
        this.model = host.model();
        this.whenClosed = whenClosed;
        this.treeDrafting = host.shape().readsFeatures() && host.options().drafting() == TritonOptions.Drafting.TREE
                ? Optional.of(this::draft)
                : Optional.empty();
        begin(session, false);
    }

    private void begin(HostSession opened, boolean again) {
        lock.lock();
        try {
            if (closed) {
                opened.release();
                throw closedException();
            }
            session = opened;
            unreported = null;
            long period = Math.max(1, opened.leaseNanos() / 3);
            renewal = LEASES.scheduleAtFixedRate(() -> renew(opened, period), period, period, TimeUnit.NANOSECONDS);
        } finally {
            lock.unlock();
        }
        host.options().listener().connected(model, opened.connection().endpoint(), again);
    }

    private EngineException closedException() {
        return new EngineException("the engine " + model + " is closed");
    }

    @Override
    public EngineShape shape() {
        return host.shape();
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        return inTurn(() -> onSession(request.batch() * request.rows(),
                current -> current.step(request, result, ++steps), done -> lastResult = done));
    }

    @Override
    public boolean runsElsewhere() {
        return true;
    }

    @Override
    public Optional<TreeDrafting> treeDrafting() {
        return treeDrafting;
    }

    private CompletableFuture<DraftedTree> draft(StepRequest extension, TreeRequest tree, DraftedTree drafted) {
        return inTurn(() -> onSession(extension.batch() * (extension.rows() + tree.rows()),
                current -> current.draft(extension, tree, drafted), done -> {
                    // A draft has no logits to fetch.
                }));
    }

    /** What the host of the pool can do now; the next one may be of another version. */
    @Override
    public Optional<RowCopying> rowCopying() {
        lock.lock();
        try {
            return session != null && session.copiesRows() ? rowCopying : Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    private CompletableFuture<Void> copy(int source, int slot, int rows) {
        return inTurn(() -> runCopy(source, slot, rows));
    }

    private CompletableFuture<Void> runCopy(int source, int slot, int rows) {
        HostSession current;
        lock.lock();
        try {
            current = session;
            if (current == null) {
                unreported = null;
                return CompletableFuture.failedFuture(
                        PoolLostException.unreachable("the pool of " + model + " was lost before rows were copied", null));
            }
        } finally {
            lock.unlock();
        }
        return answered(current, () -> current.copy(source, slot, rows), done -> done);
    }

    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        if (result.hasLogits(b, r)) {
            return CompletableFuture.completedFuture(result);
        }
        if (shape().vocabulary() == 0) {
            return CompletableFuture.failedFuture(new EngineException("a draft has no logits to fetch"));
        }
        return inTurn(() -> runFetch(result, b, r));
    }

    private <T> CompletableFuture<T> inTurn(Supplier<CompletableFuture<T>> work) {
        lock.lock();
        try {
            if (closed) {
                return CompletableFuture.failedFuture(closedException());
            }
            CompletableFuture<T> next = last.isDone() ? work.get()
                    : last.handle((result, failure) -> null).thenCompose(nothing -> work.get());
            last = next;
            return next;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Asks the host for steps of so many rows, at a new pool if the last one was lost.
     *
     * @param ask sends the request
     * @param whenDone called under the lock
     */
    private <T> CompletableFuture<T> onSession(int rows, Function<HostSession, CompletableFuture<T>> ask,
            Consumer<T> whenDone) {
        HostSession current;
        lock.lock();
        try {
            lastResult = null;
            if (session != null && !session.isOpen()) {
                lose(session, PoolLostException.unreachable("the connection to " + model + " broke since the last step", null));
            }
            if (unreported != null) {
                PoolLostException reason = unreported;
                unreported = null;
                return CompletableFuture.failedFuture(reason);
            }
            current = session;
        } finally {
            lock.unlock();
        }
        return current != null ? send(current, rows, ask, whenDone)
                : CompletableFuture.supplyAsync(this::reopen, CONNECTOR)
                        .thenCompose(opened -> send(opened, rows, ask, whenDone));
    }

    private HostSession reopen() {
        try {
            HostSession opened = host.open();
            begin(opened, true);
            LOG.infof("%s has a new pool at %s", model, opened.connection());
            return opened;
        } catch (HostAccess.NoSlotsException e) {
            // Somebody else was quicker; it may finish, or another server may have room.
            throw PoolLostException.unreachable(e.getMessage(), e);
        }
    }

    private <T> CompletableFuture<T> send(HostSession current, int rows, Function<HostSession, CompletableFuture<T>> ask,
            Consumer<T> whenDone) {
        long startedAt = System.nanoTime();
        return answered(current, () -> ask.apply(current), done -> {
            lock.lock();
            try {
                whenDone.accept(done);
            } finally {
                lock.unlock();
            }
            host.options().listener().stepped(model, rows, System.nanoTime() - startedAt);
            return done;
        });
    }

    private CompletableFuture<StepResult> runFetch(StepResult result, int b, int r) {
        HostSession current;
        lock.lock();
        try {
            current = session;
            if (current == null) {
                unreported = null;
                return CompletableFuture.failedFuture(
                        PoolLostException.unreachable("the pool of " + model + " was lost before logits were fetched", null));
            }
            if (result != lastResult) {
                return CompletableFuture.failedFuture(
                        new EngineException("logits can be fetched of the last step only, and of one that succeeded"));
            }
        } finally {
            lock.unlock();
        }
        return answered(current, () -> current.logits(result, b, r, steps), done -> done);
    }

    /** Sends a request. Its answer counts only while its session stands: giving a session up fails what it has in flight. */
    private <T> CompletableFuture<T> answered(HostSession current, Supplier<CompletableFuture<T>> request,
            UnaryOperator<T> whenDone) {
        CompletableFuture<T> answer;
        try {
            answer = request.get();
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(failure(current, e));
        }
        return answer.handle((done, thrown) -> {
            Throwable failure = thrown instanceof CompletionException && thrown.getCause() != null ? thrown.getCause() : thrown;
            if (failure != null) {
                throw failure(current, failure);
            }
            return whenDone.apply(done);
        });
    }

    private boolean isCurrent(HostSession asked) {
        lock.lock();
        try {
            return session == asked;
        } finally {
            lock.unlock();
        }
    }

    /** What a step fails with; the session is given up unless nothing was touched. */
    private EngineException failure(HostSession current, Throwable thrown) {
        HostFault fault = thrown instanceof TritonException ? HostFault.in(thrown) : null;
        if (fault == HostFault.EAGLE_INVALID) {
            return new EngineException(model + " refused a step: " + thrown.getMessage(), thrown);
        }
        PoolLostException loss = null;
        if (fault == HostFault.EAGLE_EPOCH_CHANGED || fault == HostFault.EAGLE_LEASE_LOST) {
            loss = PoolLostException.unreachable("the pool of " + model + " was lost: " + thrown.getMessage(), thrown);
        } else if (fault == HostFault.EAGLE_STEP_FAILED
                || thrown instanceof TritonException triton && triton.isRetryable()) {
            loss = new PoolLostException("the pool of " + model + " was lost in a step: " + thrown.getMessage(), thrown);
        }
        lock.lock();
        try {
            if (loss == null) {
                lose(current, PoolLostException.unreachable("the pool of " + model + " was given up", thrown));
                unreported = null;
                return thrown instanceof EngineException engine ? engine
                        : new EngineException("a step of " + model + " failed: " + thrown.getMessage(), thrown);
            }
            lose(current, loss);
            unreported = null; // this step reports it
            return loss;
        } finally {
            lock.unlock();
        }
    }

    /** Gives a session up, under the lock. */
    private void lose(HostSession lost, PoolLostException reason) {
        if (session != lost) {
            return;
        }
        session = null;
        lastResult = null;
        unreported = reason;
        renewal.cancel(false);
        host.doubt(lost);
        lost.close();
        host.options().listener().lost(model, lost.connection().endpoint(), reason);
    }

    /** Keeps the lease while no steps do. */
    private void renew(HostSession held, long period) {
        if (!isCurrent(held) || !held.isOpen() || held.idleNanos() < period / 2) {
            return; // lost, or the next step finds out, or a step has renewed it
        }
        held.renew().whenComplete((kept, thrown) -> {
            Throwable failure = thrown instanceof CompletionException && thrown.getCause() != null ? thrown.getCause() : thrown;
            HostFault fault = failure == null ? null : HostFault.in(failure);
            if (Boolean.TRUE.equals(kept)) {
                return;
            }
            if (failure != null && fault != HostFault.EAGLE_EPOCH_CHANGED && fault != HostFault.EAGLE_LEASE_LOST
                    && fault != HostFault.EAGLE_NO_SLOTS && fault != HostFault.EAGLE_INVALID) {
                LOG.debugf("the lease of %s was not renewed this time: %s", model, failure.getMessage());
                return;
            }
            lock.lock();
            try {
                lose(held, PoolLostException.unreachable("the lease of " + model + " was lost"
                        + (failure == null ? "" : ": " + failure.getMessage()), failure));
            } finally {
                lock.unlock();
            }
        });
    }

    @Override
    public void close() {
        CompletableFuture<?> running;
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            running = last;
        } finally {
            lock.unlock();
        }
        running.handle((result, failure) -> null).join();
        HostSession held;
        lock.lock();
        try {
            held = session;
            session = null;
            renewal.cancel(false);
        } finally {
            lock.unlock();
        }
        try {
            if (held != null && !held.release()) {
                LOG.debugf("the lease of %s was not given back; it expires in %d s", model,
                        TimeUnit.NANOSECONDS.toSeconds(held.leaseNanos()));
            }
        } finally {
            whenClosed.run();
        }
    }
}
