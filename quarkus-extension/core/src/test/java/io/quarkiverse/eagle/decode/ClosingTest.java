package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** A model that closes gracefully: what runs comes to its end or is told why not, what waits is refused, nothing hangs. */
@Timeout(60)
class ClosingTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(200);
    private static final Duration FOR_EVER = Duration.ofDays(365_000);

    private static Consumer stream(ToyModel toy, int seed, GenerationOptions options, Consumer consumer) {
        return consumer.of(toy.model().stream(ToyModel.request(ToyModel.prompt(10, seed), options)));
    }

    private static void assertClosing(Consumer refused) {
        assertThat(refused.awaitFailure()).isInstanceOfSatisfying(OverloadedException.class, refusal -> {
            assertThat(refusal.reason()).isEqualTo(OverloadedException.Reason.SHUTTING_DOWN);
            assertThat(refusal.retryAfter()).isPositive();
        });
    }

    /** Everything of the model has ended, and its engines were used as they should. */
    private static void assertClosed(ToyModel toy) {
        assertThat(toy.target().isClosed()).isTrue();
        assertThat(toy.draft().isClosed()).isTrue();
        assertThat(toy.model().isClosing()).isTrue();
        toy.close();
    }

    @Test
    void whatRunsComesToItsEndWhileNewAndWaitingRequestsAreRefused() {
        ToyModel toy = ToyModel.of(ENDLESS).slots(2).open();
        Gate both = new Gate();
        Gate one = new Gate();
        toy.target().beforeEveryStep(request -> (toy.model().slotsInUse() == 2 ? both : one).accept(request));
        Consumer first = stream(toy, 0, OPTIONS, Consumer.eager());
        one.awaitArrival();
        Consumer second = stream(toy, 1, OPTIONS, Consumer.eager());
        one.open();
        both.awaitArrival();
        Consumer waiting = stream(toy, 2, OPTIONS, Consumer.eager());
        assertThat(toy.model().isClosing()).isFalse();
        toy.model().drain(FOR_EVER);
        assertThat(toy.model().isClosing()).isTrue();
        assertClosing(stream(toy, 3, OPTIONS, Consumer.eager()));
        both.open();
        toy.model().close(FOR_EVER);
        assertClosing(waiting);
        assertThat(first.isOver()).isTrue();
        assertThat(second.isOver()).isTrue();
        assertThat(first.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(10, 0), 200));
        assertThat(second.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(10, 1), 200));
        assertClosing(stream(toy, 4, OPTIONS, Consumer.eager()));
        assertClosed(toy);
    }

    @Test
    void theLimitCutsOffWhatRunsAndSaysSo() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).open();
        Consumer running = stream(toy, 1, OPTIONS.withMaxTokens(90_000), Consumer.eager());
        running.awaitTokens(1);
        toy.model().close(Duration.ofMillis(50));
        int[] ids = running.awaitAnswer();
        assertThat(running.lastToken().id()).isEqualTo(-1);
        assertThat(running.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertThat(running.lastToken().result().tokenIds()).isEqualTo(Arrays.copyOf(ids, ids.length - 1))
                .isEqualTo(ENDLESS.greedy(ToyModel.prompt(10, 1), ids.length - 1));
        assertClosed(toy);
    }

    @Test
    void consumersThatDoNotAskDoNotHoldTheClosingUpAndHearOfItLater() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(640).open();
        Consumer away = stream(toy, 1, OPTIONS, new Consumer(1));
        away.awaitTokens(1);
        Consumer parked = stream(toy, 2, OPTIONS, new Consumer(1));
        parked.awaitTokens(1);
        toy.model().close(Duration.ofMillis(20));
        assertThat(toy.target().isClosed()).isTrue();
        for (Consumer consumer : new Consumer[] { away, parked }) {
            consumer.request(Long.MAX_VALUE);
            consumer.awaitAnswer();
            assertThat(consumer.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        }
        assertClosed(toy);
    }

    @Test
    void aParkedGenerationComesToItsEndWhenItsConsumerAsksInTime() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(640).open();
        Consumer parked = stream(toy, 2, OPTIONS, new Consumer(1));
        parked.awaitTokens(1);
        toy.model().drain(FOR_EVER);
        parked.request(Long.MAX_VALUE);
        toy.model().close(FOR_EVER);
        assertThat(parked.isOver()).isTrue();
        assertThat(parked.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(10, 2), 200));
        assertClosed(toy);
    }

    @Test
    void itWaitsForConsumersThatAreStillAtTheirTokens() {
        ToyModel toy = ToyModel.of(ENDLESS).open();
        CountDownLatch atTheLast = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Consumer slow = stream(toy, 1, OPTIONS.withMaxTokens(20), new Consumer(Long.MAX_VALUE) {
            @Override
            protected void received(GeneratedToken token) {
                if (token.last()) {
                    atTheLast.countDown();
                    pass(goOn);
                }
            }
        });
        slow.awaitTokens(1); // while it waits for its slot, closing refuses it
        CompletableFuture<Void> closing = CompletableFuture.runAsync(() -> toy.model().close(Duration.ofSeconds(30)));
        pass(atTheLast);
        await().during(Duration.ofMillis(100)).until(() -> !closing.isDone());
        goOn.countDown();
        await().until(closing::isDone);
        assertThat(slow.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(10, 1), 20));
        assertClosed(toy);
    }

    private static void pass(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aModelWithNothingToDoClosesAtOnce() {
        ToyModel toy = ToyModel.of(ENDLESS).open();
        toy.ids(ToyModel.prompt(3, 1), OPTIONS);
        toy.model().close(FOR_EVER);
        assertClosed(toy);
    }

    @Test
    void aStepThatFailsWhileItClosesEndsWhatRunsAndTheClosing() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).open();
        Consumer running = stream(toy, 1, OPTIONS.withMaxTokens(90_000), Consumer.eager());
        running.awaitTokens(1);
        toy.target().beforeEveryStep(request -> {
            if (toy.model().isClosing()) {
                LockSupport.parkNanos(1); // takes the loop's wake-up, as waiting for an engine elsewhere may
                throw new EngineException("the device is lost; start the engine again");
            }
        });
        toy.model().close(FOR_EVER);
        assertThat(running.awaitFailure()).hasMessageContaining("device is lost");
        assertClosed(toy);
    }

    @Test
    void aStepThatDoesNotReturnDoesNotHoldTheClosingUp() {
        ToyModel toy = ToyModel.of(ENDLESS).open();
        Gate gate = new Gate();
        toy.target().beforeEveryStep(gate);
        Consumer running = stream(toy, 1, OPTIONS, Consumer.eager());
        gate.awaitArrival();
        toy.model().close(Duration.ofMillis(10), Duration.ofMillis(10));
        assertThat(running.awaitFailure()).isInstanceOf(EngineException.class).hasMessageContaining("did not return");
        assertThat(toy.target().isClosed()).isFalse();
        gate.open();
        toy.close();
    }

    @Test
    void closingAtOnceCutsAGracefulClosingShort() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).open();
        Consumer running = stream(toy, 1, OPTIONS.withMaxTokens(90_000), Consumer.eager());
        running.awaitTokens(1);
        CompletableFuture<Void> graceful = CompletableFuture.runAsync(() -> toy.model().close(FOR_EVER));
        await().until(toy.model()::isClosing);
        toy.model().close();
        assertThat(running.awaitFailure()).isInstanceOf(EngineException.class).hasMessageContaining("closed");
        await().until(graceful::isDone);
        assertClosed(toy);
    }
}
