package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/**
 * What earlier sequences left in the slots saves reading, and never changes an answer. The toy engines refuse a step whose rows
 * see anything but their own prefix, so a wrong row that is taken for a right one fails the test.
 */
@Timeout(60)
class PrefixReuseTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final List<String> DRAFTERS = List.of("eagle2", "eagle", "pld", "lookahead", "mixed", "medusa", "hydra",
            "speculative", "none");
    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(new TreeBudget(20, 6, 4)).withMaxTokens(30);

    private static GenerationResult answer(ToyModel toy, int[] prompt, GenerationOptions options, String tenant) {
        return toy.model().generate(ToyModel.request(prompt, options).forTenant(tenant)).await().atMost(PATIENCE);
    }

    private static int[] concat(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    /** Rows of prompts and answers that the target read. */
    private static AtomicInteger countingRows(ToyModel toy) {
        AtomicInteger rows = new AtomicInteger();
        toy.target().beforeEveryStep(request -> rows.addAndGet(request.batch() * request.rows()));
        return rows;
    }

    @ParameterizedTest
    @ValueSource(strings = { "eagle2", "eagle", "pld", "lookahead", "mixed", "medusa", "hydra", "speculative", "none" })
    void theNextTurnOfAChatReadsOnlyWhatIsNew(String drafter) {
        GenerationOptions options = EAGLE.withDrafter(drafter);
        ToyLanguage language = ToyLanguage.endless();
        try (ToyModel toy = ToyModel.of(language).maxLength(640).open()) {
            int[] first = ToyModel.prompt(200, 1);
            GenerationResult turn = answer(toy, first, options, null);
            assertThat(turn.cachedTokens()).isZero();
            int[] second = concat(first, turn.tokenIds(), ToyModel.prompt(10, 2));
            AtomicInteger rows = countingRows(toy);
            GenerationResult next = answer(toy, second, options.withMaxTokens(1), null);
            assertThat(next.tokenIds()).isEqualTo(language.greedy(second, 1));
            assertThat(next.cachedTokens()).isBetween(200, second.length - 1);
            assertThat(rows.get()).isLessThan(60);
        }
    }

    @Test
    void twoChatsInTwoSlotsKeepWhatIsTheirs() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).slots(2).maxLength(2000).open()) {
            int[][] chats = { ToyModel.prompt(100, 1), ToyModel.prompt(100, 2) };
            for (int turn = 0; turn < 6; turn++) {
                int chat = turn % 2;
                GenerationResult result = answer(toy, chats[chat], EAGLE, null);
                assertThat(result.cachedTokens()).isGreaterThanOrEqualTo(turn < 2 ? 0 : 100);
                chats[chat] = concat(chats[chat], result.tokenIds(), ToyModel.prompt(5, turn));
            }
        }
    }

    @Test
    void tenantsDoNotShare() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).maxLength(640).open()) {
            int[] prompt = ToyModel.prompt(200, 1);
            answer(toy, prompt, EAGLE, "a");
            assertThat(answer(toy, prompt, EAGLE, "b").cachedTokens()).isZero();
            assertThat(answer(toy, prompt, EAGLE, null).cachedTokens()).isZero();
            assertThat(answer(toy, prompt, EAGLE, null).cachedTokens()).isEqualTo(199);
        }
    }

    @Test
    void nothingIsSharedWhenItIsOff() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).maxLength(640).withoutPrefixReuse().open()) {
            int[] prompt = ToyModel.prompt(200, 1);
            answer(toy, prompt, EAGLE, null);
            assertThat(answer(toy, prompt, EAGLE, null).cachedTokens()).isZero();
        }
    }

    @Test
    void rowsOfALostPoolAreNotTaken() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).maxLength(640).open()) {
            int[] prompt = ToyModel.prompt(200, 1);
            answer(toy, prompt, EAGLE, null);
            toy.target().beforeEveryStep(request -> {
                toy.target().beforeEveryStep(later -> {
                });
                toy.target().forget();
                throw new PoolLostException("the toy server restarted", null);
            });
            assertThat(answer(toy, prompt, EAGLE, null).tokenIds()).isEqualTo(ToyLanguage.endless().greedy(prompt, 30));
        }
    }

    /**
     * Chats that branch, in several slots, with every drafter, cancelled now and then, over pools that are lost now and then.
     */
    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6, 7, 8 })
    void everyAnswerIsWhatItWouldBeAlone(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        List<int[]> alone = new ArrayList<>();
        try (ToyModel single = ToyModel.of(ToyLanguage.ending()).withoutPrefixReuse().maxLength(900).open()) {
            int[] system = ToyModel.prompt(70, seed);
            for (int i = 0; i < 60; i++) {
                int[] before = i == 0 || random.nextInt(4) == 0 ? system : concat(prompts.get(random.nextInt(i)));
                int[] start = Arrays.copyOf(before, 1 + random.nextInt(before.length));
                int[] prompt = random.nextInt(5) == 0 ? start : concat(start, ToyModel.prompt(1 + random.nextInt(30), i));
                prompts.add(prompt.length > 500 ? system : prompt);
                options.add(anyOptions(random));
                alone.add(single.ids(prompts.get(i), options.get(i).withDrafter("none")));
            }
        }
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).slots(3).maxLength(900).open()) {
            loseNowAndThen(toy, seed);
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
                if (random.nextInt(3) == 0) {
                    consumers.get(random.nextInt(i + 1)).awaitAnswer();
                }
            }
            IntStream.range(0, prompts.size())
                    .forEach(i -> assertThat(consumers.get(i).awaitAnswer()).isEqualTo(alone.get(i)));
        }
    }

    private static void loseNowAndThen(ToyModel toy, long seed) {
        Random random = new Random(seed);
        Runnable fault = () -> {
            if (seed % 2 == 0 && random.nextInt(150) == 0) {
                toy.target().forget();
                toy.draft().forget();
                throw new PoolLostException("the toy server restarted", null);
            }
        };
        toy.target().beforeEveryStep(request -> fault.run());
        toy.draft().beforeEveryStep(request -> fault.run());
    }

    private static GenerationOptions anyOptions(Random random) {
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(1 + random.nextInt(60))
                .withDrafter(DRAFTERS.get(random.nextInt(DRAFTERS.size())))
                .withBudget(random.nextBoolean() ? null : new TreeBudget(1 + random.nextInt(40), 1 + random.nextInt(10), 4));
        return random.nextBoolean() ? options : options.withTemperature(1.2).withSeed(random.nextLong());
    }

    @Test
    void aRequestThatWaitsTooLongIsRefused() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).maxLength(20_000).queueTimeout(Duration.ofMillis(50)).open()) {
            // Slow enough for its consumer, who would be parked otherwise and lend his slot.
            toy.target().beforeEveryStep(request -> LockSupport.parkNanos(5_000_000));
            Consumer busy = Consumer.eager()
                    .of(toy.model().stream(ToyModel.request(ToyModel.prompt(3, 1), EAGLE.withMaxTokens(19_000))));
            busy.awaitTokens(1);
            Consumer late = Consumer.eager().of(toy.model().stream(ToyModel.request(ToyModel.prompt(3, 2), EAGLE)));
            assertThat(late.awaitFailure()).isInstanceOf(OverloadedException.class).hasMessageContaining("within 50 ms");
            busy.cancel();
        }
    }
}
