package io.quarkiverse.eagle.decode;

import java.util.concurrent.Flow;

import io.quarkiverse.eagle.GeneratedToken;

/** Asks for everything at once, and wants no failure. */
class EagerReader implements Flow.Subscriber<GeneratedToken> {

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
        subscription.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(GeneratedToken token) {
        // For those who look at tokens.
    }

    @Override
    public void onError(Throwable reason) {
        throw new AssertionError(reason);
    }

    @Override
    public void onComplete() {
        // For those who wait for the end.
    }
}
