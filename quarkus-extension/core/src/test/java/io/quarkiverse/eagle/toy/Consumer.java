package io.quarkiverse.eagle.toy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;

import org.awaitility.core.ConditionFactory;

import io.quarkiverse.eagle.GeneratedToken;

/** A subscriber that asks for as many tokens as the test says, and notices what no publisher may do. */
public class Consumer implements Flow.Subscriber<GeneratedToken> {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final long atOnce;
    private final List<GeneratedToken> tokens = Collections.synchronizedList(new ArrayList<>());
    private final List<String> faults = new CopyOnWriteArrayList<>();
    private final AtomicBoolean inside = new AtomicBoolean();
    private volatile Flow.Subscription subscription;
    private volatile Throwable failure;
    private volatile boolean completed;
    private volatile boolean cancelled;

    /** @param atOnce tokens to ask for on subscription, 0 for none */
    public Consumer(long atOnce) {
        this.atOnce = atOnce;
    }

    /** Asks for everything. */
    public static Consumer eager() {
        return new Consumer(Long.MAX_VALUE);
    }

    public Consumer of(Flow.Publisher<GeneratedToken> stream) {
        stream.subscribe(this);
        return this;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (atOnce > 0) {
            given.request(atOnce);
        }
    }

    @Override
    public void onNext(GeneratedToken token) {
        signal("onNext", () -> {
            tokens.add(token);
            received(token);
        });
    }

    /** What the consumer does with a token. */
    protected void received(GeneratedToken token) {
    }

    @Override
    public void onError(Throwable reason) {
        signal("onError", () -> failure = reason);
    }

    @Override
    public void onComplete() {
        signal("onComplete", () -> completed = true);
    }

    private void signal(String name, Runnable action) {
        if (!inside.compareAndSet(false, true)) {
            faults.add(name + " while another signal runs");
        }
        if (isOver()) {
            faults.add(name + " after the end");
        }
        try {
            action.run();
        } finally {
            inside.set(false);
        }
    }

    public void request(long n) {
        subscription.request(n);
    }

    public void cancel() {
        cancelled = true;
        subscription.cancel();
    }

    public boolean isOver() {
        return completed || failure != null;
    }

    public int received() {
        return tokens.size();
    }

    /** Ids received so far. */
    public int[] ids() {
        synchronized (tokens) {
            return tokens.stream().mapToInt(GeneratedToken::id).toArray();
        }
    }

    public GeneratedToken lastToken() {
        return tokens.get(tokens.size() - 1);
    }

    public void awaitTokens(int count) {
        patiently().until(() -> tokens.size() >= count);
    }

    /** Waits for the end; returns the ids. */
    public int[] awaitAnswer() {
        awaitEnd();
        assertThat(failure).isNull();
        return ids();
    }

    /** Waits until the answer has ended or was cancelled. */
    public void awaitGone() {
        patiently().until(() -> isOver() || isCancelled());
        assertThat(faults).isEmpty();
    }

    public Throwable awaitFailure() {
        awaitEnd();
        assertThat(failure).isNotNull();
        return failure;
    }

    private static ConditionFactory patiently() {
        return await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(2)).atMost(PATIENCE);
    }

    private void awaitEnd() {
        patiently().until(this::isOver);
        assertThat(faults).isEmpty();
    }

    public boolean isCancelled() {
        return cancelled;
    }

    /** What the publisher did that it may not. */
    public List<String> faults() {
        return faults;
    }
}
