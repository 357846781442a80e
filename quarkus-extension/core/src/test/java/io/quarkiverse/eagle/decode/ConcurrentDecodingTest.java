package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.smallrye.mutiny.Multi;

/** Many sequences at once: nobody's answer, and nobody's turn, depends on the others. */
@Timeout(60)
class ConcurrentDecodingTest {

    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(new TreeBudget(20, 6, 4)).withMaxTokens(30);
    private static final ToyLanguage ENDLESS = ToyLanguage.endless();

    private static Multi<GeneratedToken> stream(ToyModel toy, int[] prompt, GenerationOptions options) {
        return toy.model().stream(ToyModel.request(prompt, options));
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3 })
    void everyAnswerIsWhatItWouldBeAlone(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        List<int[]> alone = new ArrayList<>();
        try (ToyModel single = ToyModel.of(ToyLanguage.ending()).open()) {
            for (int i = 0; i < 40; i++) {
                prompts.add(ToyModel.prompt(1 + random.nextInt(i % 5 == 0 ? 200 : 20), random.nextLong()));
                options.add(anyOptions(random));
                alone.add(single.ids(prompts.get(i), options.get(i).withDrafter("none")));
            }
        }
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).slots(4).open()) {
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                Consumer consumer = i % 7 == 3 ? leavesAfter(1 + random.nextInt(9)) : Consumer.eager();
                consumers.add(consumer.of(stream(toy, prompts.get(i), options.get(i))));
            }
            for (int i = 0; i < prompts.size(); i++) {
                Consumer consumer = consumers.get(i);
                consumer.awaitGone();
                if (consumer.isCancelled()) {
                    assertThat(consumer.ids()).isEqualTo(Arrays.copyOf(alone.get(i), consumer.received()));
                } else {
                    assertThat(consumer.awaitAnswer()).isEqualTo(alone.get(i));
                }
            }
        }
    }

    private static GenerationOptions anyOptions(Random random) {
        TreeBudget budget = switch (random.nextInt(4)) {
            case 0 -> null;
            case 1 -> TreeBudget.PAPER;
            default -> new TreeBudget(1 + random.nextInt(127), 1 + random.nextInt(10), 1 + random.nextInt(8));
        };
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(1 + random.nextInt(90)).withBudget(budget)
                .withDrafter(random.nextInt(4) == 0 ? "none" : "eagle2");
        if (random.nextBoolean()) {
            options = options.withTemperature(1.2).withSeed(random.nextLong());
        }
        return random.nextInt(3) == 0 ? options.withPenalties(1.2, 0.2, 0.1) : options;
    }

    private static Consumer leavesAfter(int count) {
        return new Consumer(Long.MAX_VALUE) {
            @Override
            protected void received(GeneratedToken token) {
                if (received() == count) {
                    cancel();
                }
            }
        };
    }

    @Test
    void aCancelledGenerationFreesItsSlotAndSaysNothingMore() {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(20_000).open()) {
            Consumer leaver = leavesAfter(5).of(stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(19_000)));
            int[] prompt = ToyModel.prompt(3, 2);
            assertThat(Consumer.eager().of(stream(toy, prompt, EAGLE)).awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 30));
            assertThat(leaver.received()).isEqualTo(5);
            assertThat(leaver.faults()).isEmpty();
        }
    }

    @Test
    void aConsumerThatDoesNotAskPausesOnlyItself() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(640).open()) {
            int[] slow = ToyModel.prompt(10, 3);
            Consumer silent = new Consumer(1).of(stream(toy, slow, EAGLE.withMaxTokens(500)));
            silent.awaitTokens(1);
            for (int i = 0; i < 20; i++) {
                int[] prompt = ToyModel.prompt(5, i);
                assertThat(Consumer.eager().of(stream(toy, prompt, EAGLE)).awaitAnswer())
                        .isEqualTo(ENDLESS.greedy(prompt, 30));
            }
            assertThat(silent.received()).isEqualTo(1);
            awaitRest(toy);
            silent.request(7);
            silent.awaitTokens(8);
            silent.request(Long.MAX_VALUE);
            assertThat(silent.awaitAnswer()).isEqualTo(ENDLESS.greedy(slow, 500));
        }
    }

    @Test
    void aPausedGenerationDoesNotDecodeAhead() {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(2_000).open()) {
            Consumer silent = new Consumer(0).of(stream(toy, ToyModel.prompt(10, 3),
                    GenerationOptions.defaults().withDrafter("none").withMaxTokens(1_000)));
            int atOpening = toy.target().steps();
            awaitRest(toy);
            assertThat(toy.target().steps() - atOpening).isLessThanOrEqualTo(TokenStream.CAPACITY + 1);
            silent.cancel();
        }
    }

    @Test
    void silentConsumersInEverySlotGiveWayAndGoOnWhereTheyWere() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(640).open()) {
            List<Consumer> silent = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                GenerationOptions options = EAGLE.withMaxTokens(300).withBudget(i % 2 == 0 ? EAGLE.budget() : null)
                        .withPenalties(1.1, 0.1, 0);
                silent.add(new Consumer(1).of(stream(toy, ToyModel.prompt(100 + i, i), options)));
            }
            int[] prompt = ToyModel.prompt(5, 99);
            assertThat(Consumer.eager().of(stream(toy, prompt, EAGLE)).awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 30));
            silent.forEach(consumer -> consumer.request(Long.MAX_VALUE));
            for (int i = 0; i < 5; i++) {
                int[] answer = silent.get(i).awaitAnswer();
                assertThat(answer).isEqualTo(toy.ids(ToyModel.prompt(100 + i, i),
                        EAGLE.withMaxTokens(300).withDrafter("none").withPenalties(1.1, 0.1, 0)));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 34, 37, 39, 40, 41 })
    void aPausedGenerationAtTheEndOfItsRowsStaysWholeBesideTheLargestTrees(int taken) {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(3).maxLength(430).noise(0).open()) {
            TreeBudget largest = new TreeBudget(127, 10, 16);
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            Consumer first = Consumer.eager().of(stream(toy, ToyModel.prompt(5, 1), EAGLE.withMaxTokens(60)));
            gate.awaitArrival();
            int[] long2 = ToyModel.prompt(260, 2);
            Consumer paused = new Consumer(taken).of(stream(toy, long2, EAGLE.withMaxTokens(400).withBudget(largest)));
            Consumer third = new Consumer(1)
                    .of(stream(toy, ToyModel.prompt(5, 3), EAGLE.withMaxTokens(300).withBudget(largest)));
            gate.open();
            first.awaitAnswer();
            paused.awaitTokens(taken);
            awaitRest(toy);
            assertThat(paused.received()).isEqualTo(taken);
            third.request(150);
            int[] prompt = ToyModel.prompt(5, 4);
            Consumer fourth = Consumer.eager().of(stream(toy, prompt, EAGLE.withMaxTokens(300).withBudget(largest)));
            assertThat(fourth.awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 300));
            third.request(Long.MAX_VALUE);
            third.awaitAnswer();
            paused.request(Long.MAX_VALUE);
            assertThat(paused.awaitAnswer()).isEqualTo(ENDLESS.greedy(long2, 170));
        }
    }

    /** Until every running generation is paused: no step for a while. */
    private static void awaitRest(ToyModel toy) {
        AtomicInteger before = new AtomicInteger(-1);
        await().pollInterval(Duration.ofMillis(100))
                .until(() -> toy.target().steps() == before.getAndSet(toy.target().steps()));
    }

    @Test
    void aRunningGenerationEndsAtItsDeadlineWithWhatItHas() {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(640).open()) {
            int[] prompt = ToyModel.prompt(10, 3);
            Consumer silent = new Consumer(3).of(stream(toy, prompt,
                    EAGLE.withMaxTokens(600).withDeadline(Duration.ofMillis(300))));
            int[] next = ToyModel.prompt(10, 4);
            assertThat(Consumer.eager().of(stream(toy, next, EAGLE)).awaitAnswer()).isEqualTo(ENDLESS.greedy(next, 30));
            await().pollDelay(Duration.ofMillis(320)).until(() -> true);
            silent.request(Long.MAX_VALUE);
            int[] ids = silent.awaitAnswer();
            GeneratedToken last = silent.lastToken();
            assertThat(last.id()).isEqualTo(-1);
            assertThat(last.result().finishReason()).isEqualTo(FinishReason.DEADLINE);
            assertThat(last.result().tokenIds()).isEqualTo(Arrays.copyOf(ids, ids.length - 1))
                    .isEqualTo(ENDLESS.greedy(prompt, ids.length - 1));
        }
    }

    @Test
    void aWaitingRequestEndsAtItsDeadlineWhileEverySlotIsTaken() {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).open()) {
            // Slow enough for its consumer, who would be parked otherwise and lend his slot.
            toy.target().beforeEveryStep(request -> LockSupport.parkNanos(5_000_000));
            Consumer endless = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(90_000)));
            endless.awaitTokens(1);
            Consumer waiting = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 2),
                    EAGLE.withDeadline(Duration.ofMillis(50))));
            assertThat(waiting.awaitAnswer()).containsExactly(-1);
            assertThat(endless.isOver()).isFalse();
            assertThat(waiting.lastToken().result().finishReason()).isEqualTo(FinishReason.DEADLINE);
            assertThat(waiting.lastToken().result().tokenIds()).isEmpty();
            assertThat(waiting.lastToken().result().duration()).isZero();
            assertThat(waiting.lastToken().result().timeToFirstToken()).isZero();
            endless.cancel();
        }
    }

    @Test
    void aDeadlineOfAgesIsNoDeadline() {
        try (ToyModel toy = ToyModel.of(ENDLESS).open()) {
            int[] prompt = ToyModel.prompt(3, 1);
            assertThat(toy.ids(prompt, EAGLE.withDeadline(Duration.ofDays(365_000)))).isEqualTo(ENDLESS.greedy(prompt, 30));
            assertThat(toy.ids(prompt, EAGLE.withDeadline(Duration.ofNanos(Long.MAX_VALUE))))
                    .isEqualTo(ENDLESS.greedy(prompt, 30));
        }
    }

    @Test
    void aFullQueueRefusesAndACancelledRequestGivesItsPlaceBack() {
        try (ToyModel toy = ToyModel.of(ENDLESS).queueLimit(2).maxLength(100_000).open()) {
            Consumer running = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(90_000)));
            running.awaitTokens(1);
            Consumer first = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 2), EAGLE));
            Consumer second = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 3), EAGLE));
            Consumer refused = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 4), EAGLE));
            assertThat(refused.awaitFailure()).isInstanceOf(OverloadedException.class)
                    .hasMessageContaining("2 requests wait").hasMessageContaining("try again later");
            first.cancel();
            Consumer third = await().until(() -> Consumer.eager().of(stream(toy, ToyModel.prompt(3, 4), EAGLE)),
                    consumer -> !consumer.isOver());
            running.cancel();
            assertThat(second.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, 3), 30));
            assertThat(third.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, 4), 30));
            assertThat(first.received()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aStepThatFailsEndsWhatRunsAndNothingElse(boolean draft) {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(100_000).open()) {
            Consumer[] running = new Consumer[2];
            for (int i = 0; i < 2; i++) {
                running[i] = Consumer.eager().of(stream(toy, ToyModel.prompt(3, i), EAGLE.withMaxTokens(90_000)));
                running[i].awaitTokens(1);
            }
            int[] prompt = ToyModel.prompt(5, 6);
            Consumer waiting = Consumer.eager().of(stream(toy, prompt, EAGLE));
            AtomicBoolean failed = new AtomicBoolean();
            (draft ? toy.draft() : toy.target()).beforeEveryStep(request -> {
                if (failed.compareAndSet(false, true)) {
                    throw new EngineException("the device is lost; start the engine again");
                }
            });
            for (Consumer consumer : running) {
                assertThat(consumer.awaitFailure()).isInstanceOf(EngineException.class).hasMessageContaining("device is lost");
            }
            assertThat(waiting.awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 30));
            assertThat(toy.ids(prompt, EAGLE)).isEqualTo(ENDLESS.greedy(prompt, 30));
        }
    }

    @Test
    void aRowThatIsNotANumberEndsOnlyItsOwnSequence() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).open()) {
            int[] damaged = ToyModel.prompt(3, 1);
            int[] answer = ENDLESS.seeded(damaged, 10, 4);
            int[] prefix = Arrays.copyOf(damaged, 13);
            System.arraycopy(answer, 0, prefix, 3, 10);
            toy.target().damageAfter(prefix);
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            int[] sound = ToyModel.prompt(3, 2);
            Consumer neighbour = Consumer.eager().of(stream(toy, sound, EAGLE.withMaxTokens(200)));
            Consumer unlucky = Consumer.eager().of(stream(toy, damaged, EAGLE.withTemperature(1).withSeed(4L)));
            gate.open();
            assertThat(unlucky.awaitFailure()).isInstanceOf(EngineException.class)
                    .hasMessageContaining("must be a finite number");
            assertThat(unlucky.ids()).isEqualTo(Arrays.copyOf(answer, unlucky.received()));
            assertThat(neighbour.awaitAnswer()).isEqualTo(ENDLESS.greedy(sound, 200));
        }
    }

    @Test
    void endingAllFailsWhatRunsRefusesWhatWaitsAndServesWhatComesThen() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(1).open()) {
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            Consumer running = new Consumer(1).of(stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(300)));
            gate.awaitArrival();
            // Held in its slot, where it would give it to the one who waits once its buffer is full.
            Consumer waiting = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 2), EAGLE));
            Thread ending = new Thread(toy.model()::endAll);
            ending.start();
            await().until(() -> ending.getState() == Thread.State.WAITING);
            gate.open();
            running.request(Long.MAX_VALUE);
            assertThat(running.awaitFailure()).isInstanceOf(EngineException.class).hasMessage("the application stops");
            assertThat(waiting.awaitFailure()).isInstanceOf(OverloadedException.class);
            int[] prompt = ToyModel.prompt(3, 3);
            assertThat(toy.ids(prompt, EAGLE)).isEqualTo(ENDLESS.greedy(prompt, 30));
        }
    }

    @Test
    void aListenerThatThrowsEndsOnlyItsOwnSequence() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).open()) {
            int[] prompt = ToyModel.prompt(3, 2);
            Consumer neighbour = Consumer.eager().of(stream(toy, prompt, EAGLE.withMaxTokens(200)));
            Consumer watched = Consumer.eager().of(toy.model().stream(ToyModel.request(ToyModel.prompt(3, 1), EAGLE),
                    (root, tree, accepted, emitted, count) -> {
                        throw new IllegalStateException("the listener is broken");
                    }));
            assertThat(watched.awaitFailure()).hasMessage("the listener is broken");
            assertThat(neighbour.awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 200));
        }
    }

    @Test
    void aConsumerThatThrowsEndsOnlyItsOwnSequence() {
        ExecutorService emission = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "emission");
            thread.setUncaughtExceptionHandler((where, expected) -> {
            });
            return thread;
        });
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).emission(emission).open()) {
            ModelSubscriber broken = new ModelSubscriber() {
                @Override
                public void onNext(GeneratedToken token) {
                    throw new IllegalStateException("the consumer is broken");
                }
            };
            stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(90_000)).subscribe(broken);
            int[] prompt = ToyModel.prompt(3, 2);
            assertThat(Consumer.eager().of(stream(toy, prompt, EAGLE)).awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 30));
        } finally {
            emission.shutdown();
        }
    }

    private abstract static class ModelSubscriber implements Flow.Subscriber<GeneratedToken> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onError(Throwable reason) {
        }

        @Override
        public void onComplete() {
        }
    }

    @Test
    void anEmissionExecutorThatRefusesATaskEndsOnlyThatSequence() {
        AtomicBoolean shut = new AtomicBoolean();
        ExecutorService emission = Executors.newSingleThreadExecutor();
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(21_000).emission(task -> {
            if (shut.compareAndSet(true, false)) {
                throw new RejectedExecutionException("shut down");
            }
            emission.execute(task);
        }).open()) {
            List<Consumer> running = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                running.add(Consumer.eager().of(stream(toy, ToyModel.prompt(3, i), EAGLE.withMaxTokens(20_000))));
                running.get(i).awaitTokens(1);
            }
            shut.set(true);
            await().until(() -> running.stream().anyMatch(Consumer::isOver));
            for (int i = 0; i < 2; i++) {
                if (running.get(i).isOver()) {
                    assertThat(running.get(i).awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, i), 20_000));
                }
            }
            assertThat(shut).isFalse();
            int[] prompt = ToyModel.prompt(3, 2);
            assertThat(Consumer.eager().of(stream(toy, prompt, EAGLE)).awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 30));
        } finally {
            emission.shutdown();
        }
    }

    @Test
    void closingFailsWhatRunsRefusesWhatWaitsAndClosesTheEngines() {
        ToyModel toy = ToyModel.of(ENDLESS).maxLength(100_000).open();
        Consumer running = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 1), EAGLE.withMaxTokens(90_000)));
        running.awaitTokens(1);
        Consumer waiting = Consumer.eager().of(stream(toy, ToyModel.prompt(3, 2), EAGLE));
        toy.close();
        assertThat(running.awaitFailure()).isInstanceOf(EngineException.class).hasMessageContaining("closed");
        assertThat(waiting.awaitFailure()).isInstanceOf(OverloadedException.class).hasMessageContaining("closing");
        assertThat(toy.target().isClosed()).isTrue();
        assertThat(toy.draft().isClosed()).isTrue();
        assertThatThrownBy(() -> toy.ids(ToyModel.prompt(3, 1), EAGLE)).isInstanceOf(OverloadedException.class)
                .hasMessageContaining("clos");
        toy.model().close();
    }

    @RepeatedTest(3)
    void requestsThatMeetTheClosingEndToo() throws InterruptedException {
        ToyModel toy = ToyModel.of(ENDLESS).slots(2).open();
        List<Consumer> consumers = new CopyOnWriteArrayList<>();
        CountDownLatch some = new CountDownLatch(20);
        Thread caller = new Thread(() -> {
            for (int i = 0; i < 300; i++) {
                consumers.add(Consumer.eager().of(stream(toy, ToyModel.prompt(3, i), EAGLE)));
                some.countDown();
            }
        });
        caller.start();
        assertThat(some.await(10, TimeUnit.SECONDS)).isTrue();
        toy.close();
        caller.join();
        await().until(() -> consumers.stream().allMatch(Consumer::isOver));
    }

    @Test
    void aModelWithoutADraftDecodesPlainlyAndSaysSo() {
        try (ToyModel toy = ToyModel.of(ENDLESS).withoutDraft().open()) {
            int[] prompt = ToyModel.prompt(3, 2);
            assertThat(toy.ids(prompt, GenerationOptions.defaults().withMaxTokens(9))).isEqualTo(ENDLESS.greedy(prompt, 9));
            assertThatThrownBy(() -> toy.ids(prompt, EAGLE)).hasMessageContaining("has no draft head")
                    .hasMessageContaining("use drafter pld, lookahead, none");
            assertThatThrownBy(() -> toy.ids(prompt, EAGLE.withDrafter("crystal-ball")))
                    .hasMessageContaining("choose eagle2, eagle, pld, lookahead, medusa, hydra, speculative, mixed or none");
        }
    }
}
