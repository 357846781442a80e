package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/**
 * A prompt that begins like what another slot holds is read from there on, and says what it would say alone. The toy engines
 * refuse a step whose rows see anything but their own prefix.
 */
@Timeout(60)
class CopiedPrefixTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(new TreeBudget(20, 6, 4)).withMaxTokens(40);
    private static final int[] SYSTEM = ToyModel.prompt(200, 1);

    /** A draft head's row goes with the token after it, so the last shared token's row is not shared. */
    private static final int SHARED = SYSTEM.length - 1;

    private static ToyModel.Builder threeSlots() {
        return ToyModel.of(ENDLESS).slots(3).maxLength(2000);
    }

    /** The system prompt and a question of its own. */
    private static int[] question(int number) {
        int[] prompt = Arrays.copyOf(SYSTEM, SYSTEM.length + 10);
        System.arraycopy(ToyModel.prompt(10, 100 + number), 0, prompt, SYSTEM.length, 10);
        return prompt;
    }

    private static GenerationResult answer(ToyModel toy, int[] prompt, GenerationOptions options, String tenant) {
        return toy.model().generate(ToyModel.request(prompt, options).forTenant(tenant)).await().atMost(PATIENCE);
    }

    /** A generation that has begun to decode and stays in its slot. */
    private static Consumer running(ToyModel toy, int[] prompt, GenerationOptions options) {
        Consumer consumer = new Consumer(20).of(toy.model().stream(ToyModel.request(prompt, options.withMaxTokens(1500))));
        consumer.awaitTokens(20);
        return consumer;
    }

    @ParameterizedTest
    @CsvSource({ "eagle2, 0", "eagle2, 1", "eagle, 0", "eagle, 1", "mixed, 0", "mixed, 1", "pld, 0", "lookahead, 0",
            "medusa, 0",
            "medusa, 1", "hydra, 0", "hydra, 1", "speculative, 0", "speculative, 1", "none, 0", "none, 1" })
    void whoJoinsReadsOnlyWhatIsItsOwn(String drafter, double temperature) {
        GenerationOptions options = EAGLE.withDrafter(drafter).withTemperature(temperature).withSeed(7L);
        try (ToyModel toy = threeSlots().open()) {
            Consumer first = running(toy, question(0), options);
            AtomicInteger promptRows = new AtomicInteger();
            toy.target().beforeEveryStep(request -> promptRows
                    .addAndGet(request.batch() == 1 && request.keep() == 0 && request.outputs() < request.rows()
                            ? request.rows()
                            : 0));
            List<Consumer> others = new ArrayList<>();
            for (int i = 1; i <= 2; i++) {
                others.add(Consumer.eager().of(toy.model().stream(ToyModel.request(question(i), options))));
            }
            for (int i = 1; i <= 2; i++) {
                assertThat(others.get(i - 1).awaitAnswer())
                        .isEqualTo(temperature == 0 ? ENDLESS.greedy(question(i), 40) : ENDLESS.seeded(question(i), 40, 7));
                assertThat(others.get(i - 1).lastToken().result().cachedTokens()).isBetween(SHARED, SYSTEM.length + 9);
            }
            assertThat(promptRows.get()).isPositive().isLessThanOrEqualTo(2 * 11);
            first.request(200);
            first.awaitTokens(220);
            assertThat(Arrays.copyOf(first.ids(), 220)).isEqualTo(
                    temperature == 0 ? ENDLESS.greedy(question(0), 220) : ENDLESS.seeded(question(0), 220, 7));
            first.cancel();
        }
    }

    /** What a running sequence said last has no final rows yet. */
    @ParameterizedTest
    @ValueSource(strings = { "eagle2", "mixed", "pld", "lookahead", "speculative", "none" })
    void whoGoesOnWithARunningTextTakesItsFinalRowsOnly(String drafter) {
        GenerationOptions options = EAGLE.withDrafter(drafter);
        int[] prompt = IntStream.concat(Arrays.stream(question(0)), Arrays.stream(ENDLESS.greedy(question(0), 600))).toArray();
        try (ToyModel toy = threeSlots().open()) {
            Consumer first = running(toy, question(0), options);
            GenerationResult joined = answer(toy, prompt, options, null);
            assertThat(joined.cachedTokens()).isBetween(SYSTEM.length, prompt.length - 1);
            assertThat(joined.tokenIds()).isEqualTo(ENDLESS.greedy(prompt, 40));
            first.cancel();
        }
    }

    @Test
    void withoutCopyingEveryPromptIsRead() {
        try (ToyModel toy = threeSlots().withoutRowCopying().open()) {
            Consumer first = running(toy, question(0), EAGLE);
            GenerationResult joined = answer(toy, question(1), EAGLE, null);
            assertThat(joined.cachedTokens()).isZero();
            assertThat(joined.tokenIds()).isEqualTo(ENDLESS.greedy(question(1), 40));
            first.cancel();
        }
    }

    @Test
    void tenantsDoNotCopyFromEachOther() {
        try (ToyModel toy = threeSlots().open()) {
            Consumer first = running(toy, question(0), EAGLE);
            assertThat(answer(toy, question(1), EAGLE, "another").cachedTokens()).isZero();
            first.cancel();
        }
    }

    @Test
    void nothingIsCopiedWhenReuseIsOff() {
        try (ToyModel toy = threeSlots().withoutPrefixReuse().open()) {
            Consumer first = running(toy, question(0), EAGLE);
            assertThat(answer(toy, question(1), EAGLE, null).cachedTokens()).isZero();
            first.cancel();
        }
    }

    /** Without its features the head could not read the rows that it lacks, so they are read again. */
    @Test
    void aDraftHeadTakesNothingOfASequenceThatItDidNotFollow() {
        try (ToyModel toy = threeSlots().open()) {
            Consumer plain = running(toy, question(0), EAGLE.withDrafter("none"));
            Consumer drafted = running(toy, question(1), EAGLE);
            // The slot that the head did follow is the one to copy from now, though the first one holds as much.
            GenerationResult again = answer(toy, question(2), EAGLE, null);
            assertThat(again.cachedTokens()).isGreaterThanOrEqualTo(SHARED);
            assertThat(again.tokenIds()).isEqualTo(ENDLESS.greedy(question(2), 40));
            plain.cancel();
            drafted.request(100);
            drafted.awaitTokens(120);
            assertThat(Arrays.copyOf(drafted.ids(), 120)).isEqualTo(ENDLESS.greedy(question(1), 120));
            drafted.cancel();
            assertThat(answer(toy, question(3), EAGLE.withDrafter("none"), null).cachedTokens()).isPositive();
        }
    }

    /** A long chat that others share only the beginning with stays whole for its next turn. */
    @Test
    void aFreeSlotIsCopiedFromWhereMostOfItIsAnothers() {
        int[] chat = Arrays.copyOf(SYSTEM, 700);
        System.arraycopy(ToyModel.prompt(500, 3), 0, chat, 200, 500);
        try (ToyModel toy = threeSlots().open()) {
            answer(toy, chat, EAGLE, null);
            answer(toy, ToyModel.prompt(100, 4), EAGLE, null);
            answer(toy, ToyModel.prompt(100, 5), EAGLE, null);
            assertThat(answer(toy, question(1), EAGLE, null).cachedTokens()).isBetween(SHARED, SYSTEM.length + 9);
            assertThat(answer(toy, chat, EAGLE, null).cachedTokens()).isEqualTo(699);
        }
    }

    @Test
    void aPoolThatIsLostWhileRowsAreCopiedCostsNoToken() {
        for (boolean ofTheDraft : new boolean[] { false, true }) {
            try (ToyModel toy = threeSlots().open()) {
                Consumer first = running(toy, question(0), EAGLE);
                (ofTheDraft ? toy.draft() : toy.target()).beforeEveryCopy((source, rows) -> {
                    toy.target().forget();
                    toy.draft().forget();
                    throw new PoolLostException("the toy server restarted", null);
                });
                GenerationResult joined = answer(toy, question(1), EAGLE, null);
                assertThat(joined.tokenIds()).isEqualTo(ENDLESS.greedy(question(1), 40));
                assertThat(joined.cachedTokens()).isZero();
                first.request(100);
                first.awaitTokens(120);
                assertThat(Arrays.copyOf(first.ids(), 120)).isEqualTo(ENDLESS.greedy(question(0), 120));
                first.cancel();
            }
        }
    }

    @Test
    void copyingThatFailsIsAStepThatFails() {
        try (ToyModel toy = threeSlots().open()) {
            running(toy, question(0), EAGLE);
            toy.target().beforeEveryCopy((source, rows) -> {
                throw new EngineException("the toy engine copies nothing today");
            });
            assertThatThrownBy(() -> answer(toy, question(1), EAGLE, null)).hasMessageContaining("copies nothing today");
            assertThat(answer(toy, question(2), EAGLE, null).tokenIds()).isEqualTo(ENDLESS.greedy(question(2), 40));
        }
    }
}
