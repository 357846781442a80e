package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** A bundle is exchanged under its requests: every answer is one bundle's from its first token to its last. */
@Timeout(60)
class ReloadTest {

    private static final ToyLanguage OLD = ToyLanguage.endless();
    /** Another one: it never says "a". */
    private static final ToyLanguage NEW = new ToyLanguage(12, 0, -1000);
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(200);
    private static final int[] PROMPT = ToyModel.prompt(100, 1);
    private static final Duration LONG = Duration.ofDays(365_000);
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final List<ToyModel> opened = new ArrayList<>();

    @AfterEach
    void closeModels() {
        opened.forEach(ToyModel::close);
    }

    private ToyModel open(ToyLanguage language) {
        return open(ToyModel.of(language).maxLength(2000));
    }

    private ToyModel open(ToyModel.Builder builder) {
        ToyModel toy = builder.open();
        opened.add(toy);
        return toy;
    }

    private static ReloadableModel reloadable(ToyModel toy) {
        return new ReloadableModel(toy.model(), Duration.ZERO);
    }

    private static Consumer ask(ReloadableModel model, Consumer consumer, int maxTokens) {
        return consumer.of(model.stream(ToyModel.request(PROMPT, OPTIONS.withMaxTokens(maxTokens))));
    }

    private static void awaitClosed(CompletionStage<Void> closing) {
        closing.toCompletableFuture().orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
    }

    @Test
    void aChangeIsOneOfTheModelInServiceAndNoReloadTakesItAway() {
        ToyModel old = open(OLD);
        ReloadableModel model = reloadable(old);
        model.change(serving -> {
            assertThat(serving).isSameAs(old.model());
            assertThatThrownBy(() -> model.reload(() -> open(NEW).model(), LONG)).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("a replica is being added");
        });
        awaitClosed(model.reload(() -> {
            assertThatThrownBy(() -> model.change(serving -> {
            })).isInstanceOf(IllegalStateException.class).hasMessageContaining("a reload of toy is under way");
            return open(NEW).model();
        }, LONG));
        model.change(serving -> assertThat(serving).isSameAs(opened.get(1).model()));
        model.close();
        assertThatThrownBy(() -> model.change(serving -> {
        })).isInstanceOf(IllegalStateException.class).hasMessageContaining("is being closed");
    }

    @Test
    void earlierRequestsEndOnTheOldBundleAndLaterOnesAreTheNewOnes() {
        assertThat(OLD.greedy(PROMPT, 200)).isNotEqualTo(NEW.greedy(PROMPT, 200));
        ToyModel old = open(OLD);
        ReloadableModel model = reloadable(old);
        Consumer running = ask(model, new Consumer(5), 1500);
        running.awaitTokens(5);
        Consumer waiting = ask(model, Consumer.eager(), 200);
        CompletionStage<Void> closing = model.reload(() -> open(NEW).model(), LONG);
        assertThat(model.model()).isSameAs(opened.get(1).model());
        assertThat(model.replacedRequests()).isPositive();
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(NEW.greedy(PROMPT, 200));
        assertThat(old.target().isClosed()).isFalse();
        running.request(Long.MAX_VALUE);
        assertThat(running.awaitAnswer()).isEqualTo(OLD.greedy(PROMPT, 1500));
        assertThat(waiting.awaitAnswer()).isEqualTo(OLD.greedy(PROMPT, 200));
        awaitClosed(closing);
        assertThat(old.target().isClosed()).isTrue();
        assertThat(old.draft().isClosed()).isTrue();
        assertThat(model.replacedRequests()).isZero();
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(NEW.greedy(PROMPT, 200));
    }

    @Test
    void theLimitEndsWhatRunsAndRefusesWhatWaits() {
        ToyModel old = open(ToyModel.of(OLD).maxLength(100_000));
        // Slow enough for its consumer, who would be parked otherwise and lend his slot.
        old.target().beforeEveryStep(request -> LockSupport.parkNanos(5_000_000));
        ReloadableModel model = reloadable(old);
        Consumer running = ask(model, Consumer.eager(), 90_000);
        running.awaitTokens(1);
        Consumer waiting = ask(model, Consumer.eager(), 200);
        awaitClosed(model.reload(() -> open(NEW).model(), Duration.ofMillis(50)));
        int[] ids = running.awaitAnswer();
        assertThat(running.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertThat(Arrays.copyOf(ids, ids.length - 1)).isEqualTo(OLD.greedy(PROMPT, ids.length - 1));
        assertThat(waiting.awaitFailure()).isInstanceOfSatisfying(OverloadedException.class,
                refusal -> assertThat(refusal.reason()).isEqualTo(OverloadedException.Reason.SHUTTING_DOWN));
        assertThat(old.target().isClosed()).isTrue();
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(NEW.greedy(PROMPT, 200));
    }

    @Test
    void whoLeavesHoldsNobodyUp() {
        ToyModel old = open(OLD);
        ReloadableModel model = reloadable(old);
        Consumer running = ask(model, new Consumer(5), 1500);
        running.awaitTokens(5);
        CompletionStage<Void> closing = model.reload(() -> open(NEW).model(), LONG);
        assertThat(closing.toCompletableFuture()).isNotDone();
        running.cancel();
        awaitClosed(closing);
        assertThat(old.target().isClosed()).isTrue();
    }

    @Test
    void aBundleThatCannotBeOpenedLeavesTheOldOneInService() {
        ToyModel old = open(OLD);
        ReloadableModel model = reloadable(old);
        assertThatThrownBy(() -> model.reload(() -> {
            throw new EngineException("the weights are damaged");
        }, LONG)).isInstanceOf(EngineException.class)
                .hasMessage("toy is not reloaded and serves on as it is: the weights are damaged");
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(OLD.greedy(PROMPT, 200));
        awaitClosed(model.reload(() -> open(NEW).model(), LONG));
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(NEW.greedy(PROMPT, 200));
    }

    @Test
    void aLackOfMemoryForTwoBundlesLeavesTheOldOneInService() {
        ReloadableModel model = reloadable(open(OLD));
        assertThatThrownBy(() -> model.reload(() -> {
            throw new OutOfMemoryError("Cannot reserve 1073741824 bytes of direct buffer memory");
        }, LONG)).isInstanceOf(EngineException.class).hasMessageContainingAll("toy is not reloaded and serves on as it is",
                "no memory for two bundles at once", "1073741824 bytes");
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(OLD.greedy(PROMPT, 200));
        awaitClosed(model.reload(() -> open(NEW).model(), LONG));
    }

    @Test
    void tokensOfAReplacedBundleDoNotSpeakForTheNewOne() {
        ReloadableModel model = reloadable(open(OLD));
        ReloadableModel.Edition old = model.edition();
        assertThat(old.producedWithin(PATIENCE)).isFalse();
        Consumer running = ask(model, new Consumer(5), 1500);
        running.awaitTokens(5);
        CompletionStage<Void> closing = model.reload(() -> open(NEW).model(), LONG);
        running.request(5);
        running.awaitTokens(10);
        assertThat(old.producedWithin(PATIENCE)).isTrue();
        assertThat(model.edition().producedWithin(PATIENCE)).isFalse();
        ask(model, Consumer.eager(), 10).awaitAnswer();
        assertThat(model.edition().producedWithin(PATIENCE)).isTrue();
        running.cancel();
        awaitClosed(closing);
    }

    @Test
    void aSettledModelServesOnAndIsNotReplacedByAReloadThatIsUnderWay() {
        ReloadableModel model = reloadable(open(OLD));
        ToyModel late = open(NEW);
        assertThatThrownBy(() -> model.reload(() -> {
            assertThat(model.settle()).isSameAs(opened.get(0).model());
            return late.model();
        }, LONG)).isInstanceOf(IllegalStateException.class);
        assertThat(late.target().isClosed()).isTrue();
        assertThat(opened.get(0).target().isClosed()).isFalse();
        assertThat(ask(model, Consumer.eager(), 200).awaitAnswer()).isEqualTo(OLD.greedy(PROMPT, 200));
    }

    @Test
    void bundlesShareNoPrefixes() {
        ReloadableModel model = reloadable(open(OLD));
        model.generate(ToyModel.request(PROMPT, OPTIONS)).await().atMost(PATIENCE);
        awaitClosed(model.reload(() -> open(OLD).model(), LONG));
        assertThat(model.generate(ToyModel.request(PROMPT, OPTIONS)).await().atMost(PATIENCE).cachedTokens()).isZero();
        assertThat(model.generate(ToyModel.request(PROMPT, OPTIONS)).await().atMost(PATIENCE).cachedTokens()).isEqualTo(99);
    }

    @Test
    void noMoreThanTwoBundlesAreOpen() {
        ReloadableModel model = reloadable(open(OLD));
        Consumer running = ask(model, new Consumer(5), 1500);
        running.awaitTokens(5);
        CompletionStage<Void> closing = model.reload(() -> {
            assertThatThrownBy(() -> model.reload(() -> open(NEW).model(), LONG)).hasMessageContaining("is under way");
            return open(NEW).model();
        }, LONG);
        assertThatThrownBy(() -> model.reload(() -> open(OLD).model(), LONG)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("still serves 1 requests");
        assertThat(opened).hasSize(2);
        running.cancel();
        awaitClosed(closing);
        awaitClosed(model.reload(() -> open(OLD).model(), LONG));
    }

    /** Tokens of one bundle mean something else to another. */
    @Test
    void whoHoldsAnEditionIsAnsweredByItOrRefused() {
        ReloadableModel model = new ReloadableModel(open(OLD).model(), PATIENCE);
        ReloadableModel.Edition edition = model.edition();
        CompletionStage<Void> closing = model.reload(() -> open(NEW).model(), LONG);
        assertThat(Consumer.eager().of(edition.stream(ToyModel.request(PROMPT, OPTIONS), null)).awaitAnswer())
                .isEqualTo(OLD.greedy(PROMPT, 200));
        assertThat(closing.toCompletableFuture()).isNotDone();
        model.close();
        ReloadableModel hasty = reloadable(open(OLD));
        ReloadableModel.Edition gone = hasty.edition();
        awaitClosed(hasty.reload(() -> open(NEW).model(), LONG));
        assertThat(Consumer.eager().of(gone.stream(ToyModel.request(PROMPT, OPTIONS), null)).awaitFailure())
                .isInstanceOf(OverloadedException.class).hasMessageContaining("another bundle serves");
    }

    @Test
    void closingEndsBothBundlesAndAReloadThatIsUnderWay() throws InterruptedException {
        ToyModel old = open(OLD);
        ReloadableModel model = reloadable(old);
        Consumer running = ask(model, new Consumer(5), 1500);
        running.awaitTokens(5);
        model.reload(() -> open(NEW).model(), LONG);
        model.close(Duration.ofMillis(20));
        assertThat(old.target().isClosed()).isTrue();
        assertThat(opened.get(1).target().isClosed()).isTrue();
        running.request(Long.MAX_VALUE);
        running.awaitAnswer();
        assertThat(running.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertThatThrownBy(() -> model.reload(() -> open(OLD).model(), LONG)).hasMessageContaining("is being closed");

        ReloadableModel other = reloadable(open(OLD));
        CountDownLatch opening = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        ToyModel late = open(NEW);
        CompletableFuture<Void> reload = CompletableFuture.runAsync(() -> other.reload(() -> {
            opening.countDown();
            awaitUninterruptibly(closed);
            return late.model();
        }, LONG));
        opening.await();
        other.close();
        closed.countDown();
        assertThat(reload).failsWithin(PATIENCE).withThrowableThat().withMessageContaining("is being closed");
        assertThat(late.target().isClosed()).isTrue();
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void noRequestIsLostBetweenBundles() {
        ReloadableModel model = reloadable(open(ToyModel.of(OLD).slots(2)));
        List<Consumer> answers = new ArrayList<>();
        CompletableFuture<Void> asking = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < 400; i++) {
                answers.add(ask(model, Consumer.eager(), 10));
                if (i % 3 == 0) {
                    answers.get(i).awaitAnswer();
                }
            }
        });
        int reloads = 0;
        while (!asking.isDone()) {
            ToyLanguage next = ++reloads % 2 == 0 ? OLD : NEW;
            awaitClosed(model.reload(() -> open(ToyModel.of(next).slots(2)).model(), LONG));
        }
        asking.join();
        int[] old = OLD.greedy(PROMPT, 10);
        int[] renewed = NEW.greedy(PROMPT, 10);
        answers.forEach(answer -> assertThat(answer.awaitAnswer()).isIn(old, renewed));
        assertThat(reloads).isPositive();
        await().atMost(PATIENCE).until(() -> model.replacedRequests() == 0);
        opened.subList(0, opened.size() - 1).forEach(toy -> assertThat(toy.target().isClosed()).isTrue());
    }
}
