package io.quarkiverse.eagle.toy;

import java.util.concurrent.CountDownLatch;

import io.quarkiverse.eagle.engine.StepRequest;

/** Holds an engine's steps until the test opens it. */
public final class Gate implements java.util.function.Consumer<StepRequest> {

    private final CountDownLatch arrived = new CountDownLatch(1);
    private final CountDownLatch open = new CountDownLatch(1);

    @Override
    public void accept(StepRequest request) {
        arrived.countDown();
        pass(open);
    }

    /** Waits until a step stands at the gate. */
    public void awaitArrival() {
        pass(arrived);
    }

    public void open() {
        open.countDown();
    }

    private static void pass(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
