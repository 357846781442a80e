package io.quarkiverse.eagle.decode;

import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.GeneratedToken;

/**
 * Carries one generation's tokens to its subscriber: as many as were asked for, on the emission executor, one at a time. The
 * decode loop never waits for it; when {@link #isFull()} the loop leaves the sequence alone until {@link #onRoom} is called.
 */
final class TokenStream implements Flow.Subscription {

    private static final Logger LOG = Logger.getLogger(TokenStream.class);

    /** Tokens that may wait for demand before their sequence is parked. */
    static final int CAPACITY = 128;

    /** So few tokens wait that it is worth reading a parked sequence again that gave its slot away. */
    private static final int ROOM = CAPACITY / 2;

    /** Dropped after the end, on the emission executor: who holds the subscription does not hold its subscriber. */
    private Flow.Subscriber<? super GeneratedToken> subscriber;
    private final Executor executor;
    private volatile Runnable onRoom;
    private final Queue<GeneratedToken> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger size = new AtomicInteger();
    /** Written by whoever delivers. */
    private volatile long taken;
    private final AtomicLong demand = new AtomicLong();
    private final AtomicInteger drains = new AtomicInteger();
    private final AtomicBoolean over = new AtomicBoolean();
    private volatile Runnable onOver = () -> {
    };
    private volatile boolean cancelled;
    private volatile boolean done;
    private volatile Throwable failure;

    /** @param onRoom called when the subscriber cancels, or takes tokens of a full stream or down to {@link #hasRoom} */
    TokenStream(Flow.Subscriber<? super GeneratedToken> subscriber, Executor executor, Runnable onRoom) {
        this.subscriber = Objects.requireNonNull(subscriber, "subscriber");
        this.executor = executor;
        this.onRoom = onRoom;
    }

    /** From now on another loop runs the sequence; to be said before that one gets it. */
    void onRoom(Runnable action) {
        onRoom = action;
    }

    /**
     * Calls this when the subscriber has got its end or left. To be said before the subscriber hears of the stream; who says it
     * later may have come too late, as {@link #isOver} tells.
     */
    void whenOver(Runnable action) {
        onOver = action;
    }

    /** Whether the subscriber has got its end or left. */
    boolean isOver() {
        return over.get();
    }

    /** Hands a token over; only from the decode loop. */
    void emit(GeneratedToken token) {
        size.incrementAndGet();
        waiting.add(token);
        drain();
    }

    /** No more tokens will come; only from the decode loop. */
    void complete() {
        done = true;
        drain();
    }

    /** The generation failed; tokens that wait are still handed over first. */
    void fail(Throwable reason) {
        failure = reason;
        done = true;
        drain();
    }

    /** True while the subscriber has not asked for what is already there. */
    boolean isFull() {
        return size.get() >= CAPACITY;
    }

    /** True when the subscriber has taken enough of a full stream for its sequence to come back into a slot. */
    boolean hasRoom() {
        return size.get() <= ROOM;
    }

    /** Tokens that the subscriber has taken. */
    long taken() {
        return taken;
    }

    boolean isCancelled() {
        return cancelled;
    }

    @Override
    public void request(long n) {
        if (n <= 0) {
            // Rule 3.9 of the Reactive Streams specification.
            failure = new IllegalArgumentException("request of " + n + " tokens; ask for at least 1 (Reactive Streams 3.9)");
            waiting.clear();
            size.set(0);
            done = true;
            demand.set(Long.MAX_VALUE);
            onRoom.run();
        } else {
            demand.accumulateAndGet(n, (a, b) -> a + b < 0 ? Long.MAX_VALUE : a + b);
        }
        drain();
    }

    @Override
    public void cancel() {
        cancelled = true;
        onRoom.run();
        beOver();
        drain();
    }

    private void beOver() {
        if (over.compareAndSet(false, true)) {
            onOver.run();
        }
    }

    private void drain() {
        if (drains.getAndIncrement() == 0) {
            try {
                executor.execute(this::deliver);
            } catch (RejectedExecutionException e) {
                LOG.warn("The emission executor takes no more work; a generation ends as if it was cancelled", e);
                cancel();
            }
        }
    }

    /** Runs on the emission executor, never twice at once. */
    private void deliver() {
        int missed = drains.get();
        while (missed != 0) {
            deliverWhatIsWanted();
            missed = drains.addAndGet(-missed);
        }
    }

    private void deliverWhatIsWanted() {
        while (!cancelled) {
            boolean over = done;
            GeneratedToken token = demand.get() > 0 ? waiting.poll() : null;
            if (token == null) {
                if (over && waiting.isEmpty()) {
                    finish();
                }
                return;
            }
            if (demand.get() != Long.MAX_VALUE) {
                demand.decrementAndGet();
            }
            taken = taken + 1;
            int before = size.getAndDecrement();
            hand(token);
            if (before >= CAPACITY || before == ROOM + 1) {
                onRoom.run();
            }
        }
        waiting.clear();
        subscriber = null;
    }

    private void hand(GeneratedToken token) {
        try {
            subscriber.onNext(token);
        } catch (RuntimeException | Error e) {
            // Rule 2.13 of the Reactive Streams specification: who throws has cancelled.
            cancel();
            throw e;
        }
    }

    private void finish() {
        cancelled = true;
        Flow.Subscriber<? super GeneratedToken> last = subscriber;
        subscriber = null;
        try {
            if (failure != null) {
                last.onError(failure);
            } else {
                last.onComplete();
            }
        } finally {
            beOver();
        }
    }
}
