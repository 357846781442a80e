package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.engine.EngineException;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * A model whose bundle can be exchanged while it serves. A reload opens the new bundle beside the one in service; requests from
 * then on are the new one's, and those before them, running or waiting, come to their end on the old one. The two have engines,
 * slots, queues and cached prefixes of their own. Owns the models that it serves. Thread-safe.
 */
public final class ReloadableModel implements EagleModel, AutoCloseable {

    private static final Logger LOG = Logger.getLogger(ReloadableModel.class);

    /** Somebody may have looked into a bundle, and not have asked it yet, or may still read its answer. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    private final Duration grace;
    private volatile Edition current;
    /** What the last reload replaced; null when it is closed. Guarded, as what follows, by this object. */
    private Edition replaced;
    private boolean reloading;
    /** Changes of the model in service that are under way. */
    private int changes;
    private boolean closing;

    /** @param first serves until a reload */
    public ReloadableModel(SpeculativeModel first) {
        this(first, GRACE);
    }

    /** @param grace how long a replaced model stays open after its last use */
    ReloadableModel(SpeculativeModel first, Duration grace) {
        this.grace = grace;
        this.current = new Edition(first);
    }

    /** One bundle's model, for as long as it serves. */
    public static final class Edition {

        /** Added to the users of an edition that takes no more of them. */
        private static final int CLOSED = Integer.MIN_VALUE;

        private final SpeculativeModel model;
        private final AtomicInteger users = new AtomicInteger();
        private volatile long leftAt = System.nanoTime();
        private volatile long tokenAt;
        private volatile boolean anyToken;
        /** Waits for the last user; null before the edition is replaced. */
        private volatile Thread closer;

        private Edition(SpeculativeModel model) {
            this.model = model;
        }

        /** The bundle's model. Do not ask it for a stream: nobody would wait for that one's end. */
        public SpeculativeModel model() {
            return model;
        }

        /** Whether this bundle brought somebody a token within a time. */
        public boolean producedWithin(Duration time) {
            return anyToken && System.nanoTime() - tokenAt <= time.toNanos();
        }

        /**
         * Streams a generation of this very bundle, whatever is in service when somebody subscribes: for requests that carry
         * its
         * tokens. Fails with {@link OverloadedException.Reason#SHUTTING_DOWN} when the bundle was closed since.
         */
        public Multi<GeneratedToken> stream(GenerationRequest request, CycleListener cycles) {
            return Multi.createFrom().deferred(() -> enter() ? entered(request, cycles)
                    : Multi.createFrom().failure(new OverloadedException(OverloadedException.Reason.SHUTTING_DOWN,
                            "another bundle serves in place of " + model.name() + "; ask again", Duration.ofSeconds(1))));
        }

        private boolean enter() {
            int before = users.get();
            while (before >= 0 && !users.compareAndSet(before, before + 1)) {
                before = users.get();
            }
            return before >= 0;
        }

        private Multi<GeneratedToken> entered(GenerationRequest request, CycleListener cycles) {
            AtomicBoolean inside = new AtomicBoolean(true);
            return model.stream(request, cycles).onItem().invoke(() -> {
                tokenAt = System.nanoTime();
                anyToken = true;
            }).onTermination().invoke(() -> {
                if (inside.getAndSet(false)) {
                    leave();
                }
            });
        }

        private void leave() {
            leftAt = System.nanoTime();
            if (users.decrementAndGet() == 0) {
                LockSupport.unpark(closer);
            }
        }

        /** Generations that run or wait. */
        private int requests() {
            return users.get() & Integer.MAX_VALUE;
        }

        /** Waits, on the closer's thread, until nobody uses the edition or the limit is over; then nobody can any more. */
        private void awaitLast(long limit, long graceNanos) {
            long start = System.nanoTime();
            long left = limit;
            while (left > 0) {
                long quiet = System.nanoTime() - leftAt;
                if (users.get() == 0 && quiet >= graceNanos && users.compareAndSet(0, CLOSED)) {
                    return;
                }
                LockSupport.parkNanos(this, users.get() == 0 ? Math.min(left, Math.max(1, graceNanos - quiet)) : left);
                left = limit - (System.nanoTime() - start);
            }
            users.addAndGet(CLOSED);
        }
    }

    /** The bundle in service, for who asks it several things that have to fit together. */
    public Edition edition() {
        return current;
    }

    /** The model in service: another one after a reload. */
    public SpeculativeModel model() {
        return current.model;
    }

    @Override
    public String name() {
        return model().name();
    }

    @Override
    public Multi<GeneratedToken> stream(GenerationRequest request) {
        return stream(request, null);
    }

    /** Streams a generation whose draft-verify cycles are shown to a listener; null for none. */
    public Multi<GeneratedToken> stream(GenerationRequest request, CycleListener cycles) {
        return Multi.createFrom().deferred(() -> {
            Edition serving = current;
            while (!serving.enter()) {
                serving = current; // only what was replaced is closed to requests
            }
            return serving.entered(request, cycles);
        });
    }

    @Override
    public Uni<GenerationResult> generate(GenerationRequest request) {
        return stream(request).collect().last().map(GeneratedToken::result);
    }

    /** Requests that run or wait on what the last reload replaced. */
    public synchronized int replacedRequests() {
        return replaced == null ? 0 : replaced.requests();
    }

    /**
     * Puts another model in service, and returns when it is. Requests that came before have a time to come to their end on the
     * old one; then those that run end with {@link io.quarkiverse.eagle.FinishReason#SHUTDOWN} and what they have, and those
     * that wait are refused with {@link OverloadedException.Reason#SHUTTING_DOWN}.
     *
     * @param opener opens the new model, while the old one serves
     * @param limit the time
     * @return completes when the old model is closed
     * @throws EngineException the new model cannot be opened; the old one serves on
     * @throws IllegalStateException another reload is under way, what an earlier one replaced still serves requests, or the
     *         model is being closed; nothing was opened, or it is closed again
     */
    public CompletionStage<Void> reload(Supplier<SpeculativeModel> opener, Duration limit) {
        Objects.requireNonNull(limit, "limit");
        beginReload();
        try {
            SpeculativeModel opened;
            try {
                opened = opener.get();
            } catch (RuntimeException e) {
                throw new EngineException(name() + " is not reloaded and serves on as it is: " + e.getMessage(), e);
            } catch (OutOfMemoryError e) {
                throw new EngineException(name() + " is not reloaded and serves on as it is: there is no memory for two bundles"
                        + " at once (" + e.getMessage() + "); give the process more, or restart it with the new bundle", e);
            }
            return replace(opened, limit);
        } finally {
            endReload();
        }
    }

    /**
     * Changes the model in service, a replica more for example, which no reload exchanges meanwhile.
     *
     * @throws IllegalStateException a reload is under way, or the model is being closed; nothing was changed
     */
    public void change(Consumer<SpeculativeModel> change) {
        SpeculativeModel serving = beginChange();
        try {
            change.accept(serving);
        } finally {
            endChange();
        }
    }

    private synchronized SpeculativeModel beginChange() {
        requireOpen();
        if (reloading) {
            throw new IllegalStateException("a reload of " + name() + " is under way; wait for its end");
        }
        changes++;
        return current.model;
    }

    private synchronized void endChange() {
        changes--;
    }

    private synchronized void beginReload() {
        requireOpen();
        if (reloading) {
            throw new IllegalStateException("a reload of " + name() + " is under way; wait for its end");
        }
        if (changes > 0) {
            throw new IllegalStateException("a replica is being added to " + name() + "; reload when it is there");
        }
        if (replaced != null) {
            throw new IllegalStateException("what the last reload of " + name() + " replaced still serves "
                    + replaced.requests() + " requests; reload again when it is closed");
        }
        reloading = true;
    }

    private synchronized void endReload() {
        reloading = false;
    }

    private void requireOpen() {
        if (closing) {
            throw new IllegalStateException(name() + " is being closed; it cannot be changed");
        }
    }

    private CompletionStage<Void> replace(SpeculativeModel opened, Duration limit) {
        try {
            CompletableFuture<Void> closed = new CompletableFuture<>();
            Edition next = new Edition(opened);
            synchronized (this) {
                requireOpen();
                Edition old = current;
                long nanos = limit.compareTo(Sequence.LONGEST_TIME) > 0 ? Long.MAX_VALUE : limit.toNanos();
                Thread closer = new Thread(() -> closeReplaced(old, nanos, closed), "eagle-replaced-" + old.model.name());
                closer.setDaemon(true);
                closer.setContextClassLoader(ReloadableModel.class.getClassLoader());
                old.closer = closer;
                old.leftAt = System.nanoTime();
                closer.start();
                replaced = old;
                current = next;
            }
            return closed;
        } catch (RuntimeException | Error e) {
            opened.close();
            throw e;
        }
    }

    private void closeReplaced(Edition old, long limit, CompletableFuture<Void> closed) {
        try {
            old.awaitLast(limit, grace.toNanos());
            old.model.close(Duration.ZERO);
        } catch (RuntimeException e) {
            LOG.errorf(e, "What a reload of %s replaced is not closed as it should be", old.model.name());
        } finally {
            synchronized (this) {
                replaced = null;
            }
            closed.complete(null);
        }
    }

    /** As {@link SpeculativeModel#drain}, whatever bundle requests are served by; no reload begins or takes effect any more. */
    public void drain(Duration limit) {
        Edition old = beginClosing();
        if (old != null) {
            old.model.drain(limit);
        }
        model().drain(limit);
    }

    /** As {@link SpeculativeModel#close(Duration)}. */
    public void close(Duration limit) {
        drain(limit);
        Edition old = beginClosing();
        if (old != null) {
            old.model.close(limit);
        }
        model().close(limit);
    }

    /**
     * Settles which model stays in service: no reload begins or takes effect any more.
     *
     * @return that model, which serves on
     */
    public SpeculativeModel settle() {
        beginClosing();
        return model();
    }

    @Override
    public void close() {
        Edition old = beginClosing();
        if (old != null) {
            old.model.close();
        }
        model().close();
    }

    private synchronized Edition beginClosing() {
        closing = true;
        return replaced;
    }
}
