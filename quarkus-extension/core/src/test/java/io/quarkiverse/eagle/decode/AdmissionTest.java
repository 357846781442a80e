package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.Priority;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** Who gets a slot, who waits and who is refused, over real sequences; the order itself is the queue's own test. */
@Timeout(60)
class AdmissionTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions SHORT = GenerationOptions.defaults().withMaxTokens(20);

    /** Longer than any test. */
    private static final GenerationOptions LONG = GenerationOptions.defaults().withMaxTokens(90_000);

    private static GenerationRequest request(int seed, GenerationOptions options) {
        return ToyModel.request(ToyModel.prompt(3, seed), options);
    }

    private static OverloadedException refusal(Consumer consumer) {
        assertThat(consumer.awaitFailure()).isInstanceOf(OverloadedException.class);
        return (OverloadedException) consumer.awaitFailure();
    }

    @Test
    void aHigherPriorityIsServedFirstAndNobodysTextDependsOnIt() {
        try (ToyModel toy = ToyModel.of(ENDLESS).open()) {
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            Consumer running = Consumer.eager().of(toy.model().stream(request(0, SHORT)));
            gate.awaitArrival();
            List<Priority> order = new CopyOnWriteArrayList<>();
            List<Consumer> consumers = new CopyOnWriteArrayList<>();
            for (Priority priority : Priority.values()) {
                consumers.add(Consumer.eager().of(toy.model().stream(request(priority.ordinal(), SHORT).withPriority(priority),
                        (root, tree, accepted, emitted, count) -> order.add(priority))));
            }
            gate.open();
            running.awaitAnswer();
            for (int i = 0; i < consumers.size(); i++) {
                assertThat(consumers.get(i).awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, i), 20));
            }
            assertThat(order.stream().distinct()).containsExactly(Priority.HIGH, Priority.NORMAL, Priority.LOW);
        }
    }

    @Test
    void aTenantAtItsLimitWaitsWhileOthersPass() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(100_000)
                .limits(RequestLimits.NONE.withTenants(1, 0)).open()) {
            Consumer running = Consumer.eager().of(toy.model().stream(request(1, LONG).forTenant("a")));
            running.awaitTokens(1);
            Consumer second = Consumer.eager().of(toy.model().stream(request(2, SHORT).forTenant("a")));
            for (int i = 3; i < 6; i++) {
                Consumer other = Consumer.eager().of(toy.model().stream(request(i, SHORT).forTenant(i == 3 ? "b" : null)));
                assertThat(other.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, i), 20));
            }
            assertThat(second.received()).isZero();
            assertThat(toy.model().queued()).isEqualTo(1);
            running.cancel();
            assertThat(second.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, 2), 20));
        }
    }

    @Test
    void generationsOfATenantCountUntilTheirEndWhereverTheyAre() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(400)
                .limits(RequestLimits.NONE.withTenants(1, 0).withIdleConsumers(Duration.ofMillis(10), null)).open()) {
            Consumer silent = new Consumer(1).of(toy.model().stream(request(1, SHORT.withMaxTokens(300)).forTenant("a")));
            silent.awaitTokens(1);
            await().until(() -> toy.model().slotsInUse() == 0);
            Consumer second = Consumer.eager().of(toy.model().stream(request(2, SHORT).forTenant("a")));
            toy.ids(ToyModel.prompt(3, 3), SHORT);
            assertThat(second.received()).isZero();
            silent.request(Long.MAX_VALUE);
            silent.awaitAnswer();
            second.awaitAnswer();
        }
    }

    @Test
    void aTenantWithAsManyWaitingRequestsAsMayIsRefusedAloneAndRequestsOfNobodyAreNotCounted() {
        try (ToyModel toy = ToyModel.of(ENDLESS).limits(RequestLimits.NONE.withTenants(0, 1)).open()) {
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            Consumer running = Consumer.eager().of(toy.model().stream(request(1, SHORT)));
            gate.awaitArrival();
            Consumer first = Consumer.eager().of(toy.model().stream(request(2, SHORT).forTenant("a")));
            OverloadedException refused = refusal(Consumer.eager().of(toy.model().stream(request(3, SHORT).forTenant("a"))));
            assertThat(refused.reason()).isEqualTo(OverloadedException.Reason.TENANT_LIMIT);
            assertThat(refused).hasMessageContaining("requests of a wait");
            Consumer other = Consumer.eager().of(toy.model().stream(request(3, SHORT).forTenant("b")));
            Consumer nobody = Consumer.eager().of(toy.model().stream(request(4, SHORT)));
            Consumer nobodyAgain = Consumer.eager().of(toy.model().stream(request(5, SHORT)));
            gate.open();
            for (Consumer consumer : List.of(running, first, other, nobody, nobodyAgain)) {
                consumer.awaitAnswer();
            }
        }
    }

    @Test
    void aRefusalSaysWhyAndWhenToTryAgain() {
        Duration patience = Duration.ofMillis(80);
        try (ToyModel toy = ToyModel.of(ENDLESS).queueLimit(1).queueTimeout(patience).open()) {
            Gate gate = new Gate();
            toy.target().beforeEveryStep(gate);
            Consumer running = Consumer.eager().of(toy.model().stream(request(1, SHORT)));
            gate.awaitArrival();
            Consumer waiting = Consumer.eager().of(toy.model().stream(request(2, SHORT)));
            OverloadedException full = refusal(Consumer.eager().of(toy.model().stream(request(3, SHORT))));
            await().pollDelay(patience.plusMillis(20)).until(() -> true);
            gate.open();
            OverloadedException late = refusal(waiting);
            running.awaitAnswer();
            assertThat(full.reason()).isEqualTo(OverloadedException.Reason.QUEUE_FULL);
            assertThat(late.reason()).isEqualTo(OverloadedException.Reason.QUEUE_TIMEOUT);
            for (OverloadedException refusal : List.of(full, late)) {
                assertThat(refusal.retryAfter()).isBetween(Duration.ofSeconds(1), Duration.ofMinutes(1));
            }
        }
    }

    @Test
    void whoComesBackAndWhoWaitsTakeTurns() {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(640).open()) {
            GenerationOptions options = GenerationOptions.defaults().withDrafter("none").withMaxTokens(300);
            List<String> order = new CopyOnWriteArrayList<>();
            Consumer[] silent = new Consumer[2];
            for (int i = 0; i < 2; i++) {
                silent[i] = stream(toy, i, options, "silent " + i, order, new Consumer(1));
                silent[i].awaitTokens(1);
            }
            Gate gate = new Gate();
            Consumer third = stream(toy, 2, SHORT, "third", order, Consumer.eager());
            third.awaitAnswer();
            toy.target().beforeEveryStep(gate);
            Consumer fourth = stream(toy, 3, SHORT, "fourth", order, Consumer.eager());
            gate.awaitArrival();
            order.clear();
            Consumer fifth = stream(toy, 4, SHORT, "fifth", order, Consumer.eager());
            for (Consumer consumer : silent) {
                consumer.request(Long.MAX_VALUE);
                consumer.awaitTokens(TokenStream.CAPACITY);
            }
            gate.open();
            fourth.awaitAnswer();
            fifth.awaitAnswer();
            for (int i = 0; i < 2; i++) {
                assertThat(silent[i].awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(3, i), 300));
            }
            assertThat(order.stream().distinct()).containsExactly("fourth", "silent 0", "fifth", "silent 1");
        }
    }

    private static Consumer stream(ToyModel toy, int seed, GenerationOptions options, String name, List<String> order,
            Consumer consumer) {
        return consumer.of(toy.model().stream(request(seed, options),
                (root, tree, accepted, emitted, count) -> order.add(name)));
    }

    @Test
    void aRequestBeyondTheModelsLimitsIsRefusedWithTheLimitsNameBeforeAnyStep() {
        try (ToyModel toy = ToyModel.of(ENDLESS).limits(RequestLimits.NONE.withTokens(10, 30, 12)).open()) {
            int steps = toy.target().steps();
            assertThatThrownBy(() -> toy.ids(ToyModel.prompt(11, 1), SHORT))
                    .isInstanceOfSatisfying(InvalidRequestException.class,
                            e -> assertThat(e.limit()).isEqualTo("max-prompt-tokens"))
                    .hasMessageContaining("has 11 tokens").hasMessageContaining("at most 10");
            assertThatThrownBy(() -> toy.ids(ToyModel.prompt(10, 1), SHORT.withMaxTokens(31)))
                    .isInstanceOfSatisfying(InvalidRequestException.class,
                            e -> assertThat(e.limit()).isEqualTo("max-tokens"))
                    .hasMessageContaining("up to 31 tokens").hasMessageContaining("at most 30");
            assertThat(toy.target().steps()).isEqualTo(steps);
            assertThat(toy.ids(ToyModel.prompt(10, 1), SHORT.withMaxTokens(30))).hasSize(30);
            assertThat(toy.ids(ToyModel.prompt(10, 1), GenerationOptions.defaults())).hasSize(12);
        }
    }

    @Test
    void theDefaultNumberOfTokensIsNeverAboveTheLimit() {
        assertThat(RequestLimits.NONE.withTokens(0, 30, 256).defaultTokens()).isEqualTo(30);
        assertThat(RequestLimits.NONE.defaultTokens()).isEqualTo(256);
    }
}
