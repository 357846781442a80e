package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** Engines whose server restarts: no token is lost, doubled or changed. */
@Timeout(60)
class PoolLossTest {

    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(new TreeBudget(20, 6, 4)).withMaxTokens(60);

    private static PoolLostException loss() {
        return new PoolLostException("the toy server restarted", null);
    }

    private static PoolLostException away() {
        return PoolLostException.unreachable("the toy server is away", null);
    }

    /** Both engines forget everything now and then, at a step or a fetch, at the target or the draft. */
    private static void restartAtRandom(ToyModel toy, long seed) {
        Random random = new Random(seed);
        Runnable fault = () -> {
            if (random.nextInt(80) == 0) {
                toy.target().forget();
                toy.draft().forget();
                throw loss();
            }
        };
        toy.target().beforeEveryStep(request -> fault.run());
        toy.draft().beforeEveryStep(request -> fault.run());
        toy.target().beforeEveryFetch(fault);
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6 })
    void everyAnswerIsWhatItWouldBeWithoutRestarts(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            prompts.add(ToyModel.prompt(1 + random.nextInt(i % 4 == 0 ? 150 : 20), random.nextLong()));
            GenerationOptions any = i % 3 == 0 ? EAGLE.withDrafter("none") : EAGLE;
            any = i % 2 == 0 ? any.withTemperature(1.5).withSeed(random.nextLong()) : any;
            options.add((i % 4 == 1 ? any.withPenalties(1.2, 0.2, 0.1) : any).withLogprobs(2));
        }
        List<List<GeneratedToken>> undisturbed = new ArrayList<>();
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).withoutLogits().open()) {
            for (int i = 0; i < prompts.size(); i++) {
                undisturbed.add(toy.answer(prompts.get(i), options.get(i)));
            }
        }
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).withoutLogits().slots(3).open()) {
            restartAtRandom(toy, seed);
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
            }
            for (int i = 0; i < prompts.size(); i++) {
                List<GeneratedToken> expected = undisturbed.get(i);
                assertThat(consumers.get(i).awaitAnswer())
                        .isEqualTo(expected.get(expected.size() - 1).result().tokenIds());
            }
        }
    }

    @Test
    void logprobsOfTailTokensAreThereWhenLogitsHaveToBeFetched() {
        GenerationOptions hot = EAGLE.withTemperature(3).withSeed(5L).withLogprobs(2);
        int[] prompt = ToyModel.prompt(5, 1);
        try (ToyModel brings = ToyModel.of(ToyLanguage.endless()).targetTopK(2).open();
                ToyModel fetches = ToyModel.of(ToyLanguage.endless()).targetTopK(2).withoutLogits().open()) {
            assertThat(fetches.answer(prompt, hot)).extracting(GeneratedToken::logprob)
                    .isEqualTo(brings.answer(prompt, hot).stream().map(GeneratedToken::logprob).toList())
                    .doesNotContain(Float.NaN);
            assertThat(fetches.target().fetches()).isPositive();
        }
    }

    @Test
    void aServerThatIsAwayForAWhileOnlyDelays() {
        int[] prompt = ToyModel.prompt(4, 9);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            AtomicInteger step = new AtomicInteger();
            toy.target().beforeEveryStep(request -> {
                int now = step.incrementAndGet();
                if (now > 4 && now < 12) {
                    toy.target().forget();
                    toy.draft().forget();
                    throw away();
                }
            });
            ToldReplays told = new ToldReplays();
            Consumer consumer = Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, EAGLE), told));
            assertThat(consumer.awaitAnswer()).isEqualTo(ToyLanguage.endless().greedy(prompt, 60));
            assertThat(told.reasons()).as("once, however often the server was tried").containsExactly(ReplayReason.POOL_LOST);
        }
    }

    @Test
    void aServerThatStaysAwayFailsTheGenerationWithTheReasonAndTheNextOneWorks() {
        int[] prompt = ToyModel.prompt(4, 9);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).recovery(Duration.ofMillis(50)).open()) {
            toy.target().beforeEveryStep(request -> {
                throw away();
            });
            assertThatThrownBy(() -> toy.ids(prompt, EAGLE)).isInstanceOf(PoolLostException.class)
                    .hasMessageContaining("the toy server is away");
            toy.target().beforeEveryStep(request -> {
            });
            assertThat(toy.ids(prompt, EAGLE)).isEqualTo(ToyLanguage.endless().greedy(prompt, 60));
        }
    }

    @Test
    void aPromptThatKillsTheServerEveryTimeIsGivenUp() {
        int poison = 7;
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            toy.target().beforeEveryStep(request -> {
                if (request.rows() > 3 && request.inputIds().get(3) == poison) {
                    toy.target().forget();
                    throw loss();
                }
            });
            assertThatThrownBy(() -> toy.ids(new int[] { 1, 2, 3, poison, 4 }, EAGLE)).isInstanceOf(PoolLostException.class);
        }
    }

    @Test
    void anAnswerThatKillsTheServerEveryTimeFailsAloneAndItsNeighbourGoesOn() {
        int killerLength = 50;
        int[] innocent = ToyModel.prompt(4, 9);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).slots(2).open()) {
            toy.target().beforeEveryStep(request -> {
                for (int b = 0; b < request.batch(); b++) {
                    if (request.windowStart().get(b) >= killerLength) {
                        toy.target().forget();
                        toy.draft().forget();
                        throw loss();
                    }
                }
            });
            Consumer neighbour = Consumer.eager().of(toy.model().stream(ToyModel.request(innocent, EAGLE.withMaxTokens(40))));
            Consumer killer = Consumer.eager()
                    .of(toy.model().stream(ToyModel.request(ToyModel.prompt(killerLength, 3), EAGLE)));
            assertThat(killer.awaitFailure()).isInstanceOf(PoolLostException.class);
            assertThat(neighbour.awaitAnswer()).isEqualTo(ToyLanguage.endless().greedy(innocent, 40));
        }
    }
}
