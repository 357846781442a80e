package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/**
 * A consumer that does not ask loses its slot in time, never its text; and in the end, where that is wanted, its generation.
 */
@Timeout(60)
class ParkingTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final Duration SHORT = Duration.ofMillis(30);
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(300);

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aSilentConsumerLosesItsSlotThoughNobodyWaitsAndGetsTheSameTextLater(boolean othersDecodeMeanwhile) {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(2).maxLength(640)
                .limits(RequestLimits.NONE.withIdleConsumers(SHORT, null)).open()) {
            Consumer[] silent = new Consumer[2];
            ToldReplays told = new ToldReplays();
            for (int i = 0; i < 2; i++) {
                silent[i] = new Consumer(1).of(toy.model().stream(ToyModel.request(ToyModel.prompt(40, i), OPTIONS), told));
                silent[i].awaitTokens(1);
            }
            await().until(() -> toy.model().slotsInUse() == 0);
            for (int i = 0; othersDecodeMeanwhile && i < 4; i++) {
                assertThat(toy.ids(ToyModel.prompt(50, 10 + i), OPTIONS))
                        .isEqualTo(ENDLESS.greedy(ToyModel.prompt(50, 10 + i), 300));
            }
            for (int i = 0; i < 2; i++) {
                assertThat(silent[i].received()).isEqualTo(1);
                silent[i].request(Long.MAX_VALUE);
                assertThat(silent[i].awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(40, i), 300));
            }
            if (othersDecodeMeanwhile) {
                assertThat(told.reasons()).containsOnly(ReplayReason.SLOT_LOST).hasSizeGreaterThanOrEqualTo(2);
            } else {
                assertThat(told.reasons()).isEmpty();
            }
        }
    }

    @Test
    void atMostAsManyAsMayWaitGiveTheirSlotsAway() {
        try (ToyModel toy = ToyModel.of(ENDLESS).slots(3).queueLimit(1).maxLength(640)
                .limits(RequestLimits.NONE.withIdleConsumers(SHORT, null)).open()) {
            Consumer[] silent = new Consumer[3];
            for (int i = 0; i < 3; i++) {
                silent[i] = new Consumer(1).of(toy.model().stream(ToyModel.request(ToyModel.prompt(4, i), OPTIONS)));
                silent[i].awaitTokens(1);
            }
            await().until(() -> toy.model().slotsInUse() == 2);
            await().during(4 * SHORT.toMillis(), TimeUnit.MILLISECONDS)
                    .until(() -> toy.model().slotsInUse() == 2);
            for (int i = 0; i < 3; i++) {
                silent[i].request(Long.MAX_VALUE);
                assertThat(silent[i].awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(4, i), 300));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void anAbandonedGenerationEndsWithItsReasonWhereverItIs(boolean inItsSlot) {
        try (ToyModel toy = ToyModel.of(ENDLESS).maxLength(640)
                .limits(RequestLimits.NONE.withIdleConsumers(inItsSlot ? null : SHORT.dividedBy(3), SHORT.multipliedBy(3)))
                .open()) {
            int[] prompt = ToyModel.prompt(10, 1);
            Consumer silent = new Consumer(5).of(toy.model().stream(ToyModel.request(prompt, OPTIONS)));
            silent.awaitTokens(5);
            if (inItsSlot) {
                await().until(() -> toy.model().slotsInUse() == 0);
            } else {
                await().pollDelay(SHORT.multipliedBy(6)).until(() -> true);
            }
            assertThat(silent.received()).isEqualTo(5);
            silent.request(Long.MAX_VALUE);
            int[] ids = silent.awaitAnswer();
            assertThat(silent.lastToken().result().finishReason()).isEqualTo(FinishReason.ABANDONED);
            assertThat(silent.lastToken().id()).isEqualTo(-1);
            assertThat(ids.length).isGreaterThan(TokenStream.CAPACITY);
            assertThat(silent.lastToken().result().tokenIds()).isEqualTo(Arrays.copyOf(ids, ids.length - 1))
                    .isEqualTo(ENDLESS.greedy(prompt, ids.length - 1));
        }
    }
}
