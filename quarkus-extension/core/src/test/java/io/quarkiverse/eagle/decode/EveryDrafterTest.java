package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** Whatever proposes, the text is plain decoding's. */
class EveryDrafterTest {

    static List<String> names() {
        return Drafters.NAMES;
    }

    private static GenerationOptions options(Random random, String drafter) {
        GenerationOptions options = GenerationOptions.defaults().withDrafter(drafter).withMaxTokens(1 + random.nextInt(120));
        options = random.nextBoolean() ? options.withTemperature(1.3).withSeed(random.nextLong()) : options;
        options = random.nextInt(4) == 0 ? options.withPenalties(1.2, 0.2, 0.1) : options;
        return random.nextBoolean() ? options
                : options.withBudget(new TreeBudget(1 + random.nextInt(60), 1 + random.nextInt(10), 1 + random.nextInt(6)));
    }

    @ParameterizedTest
    @MethodSource("names")
    void saysWhatTheLanguageSays(String name) {
        ToyLanguage language = ToyLanguage.ending();
        for (int maxRows : new int[] { 128, 12 }) {
            try (ToyModel toy = ToyModel.of(language).maxRows(maxRows).draftTopK(4).open()) {
                for (long seed = 0; seed < 20; seed++) {
                    int[] prompt = ToyModel.prompt(1 + (int) seed * 3, seed);
                    GenerationOptions options = GenerationOptions.defaults().withDrafter(name).withMaxTokens(100);
                    assertThat(toy.ids(prompt, options)).isEqualTo(language.greedy(prompt, 100));
                    assertThat(toy.ids(prompt, options.withTemperature(1).withSeed(seed)))
                            .isEqualTo(language.seeded(prompt, 100, seed));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void bringsSeveralTokensInSomeCyclesUnlessItIsPlainDecoding(String name) {
        AtomicInteger most = new AtomicInteger();
        CycleListener looks = (root, tree, accepted, emitted, count) -> most.accumulateAndGet(count, Math::max);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).noise(0.3).open()) {
            for (long seed = 0; seed < 8; seed++) {
                GenerationOptions options = GenerationOptions.defaults().withDrafter(name).withMaxTokens(250)
                        .withBudget(new TreeBudget(60, 10, 6));
                toy.model().stream(ToyModel.request(ToyModel.prompt(40, seed), options), looks).collect().last().await()
                        .indefinitely();
            }
        }
        if (name.equals("none")) {
            assertThat(most).hasValue(1);
        } else {
            assertThat(most).hasValueGreaterThan(1);
        }
    }

    /** Drafters take turns in the slots of one model, share their steps and lose their pools now and then. */
    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4 })
    void allOfThemAtOnceAndWithLossesSayWhatEachSaysAlone(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            prompts.add(ToyModel.prompt(1 + random.nextInt(60), random.nextLong()));
            options.add(options(random, Drafters.NAMES.get(i % Drafters.NAMES.size())));
        }
        List<int[]> alone = new ArrayList<>();
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).withoutDraft().open()) {
            for (int i = 0; i < prompts.size(); i++) {
                alone.add(toy.ids(prompts.get(i), options.get(i).withDrafter("none")));
            }
        }
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).slots(4).open()) {
            toy.target().beforeEveryStep(request -> {
                if (random.nextInt(60) == 0) {
                    toy.target().forget();
                    toy.draft().forget();
                    throw new PoolLostException("the toy's pool was lost", null);
                }
            });
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
            }
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(consumers.get(i).awaitAnswer()).isEqualTo(alone.get(i));
            }
        }
    }

    @Test
    void aModelWithoutAHeadRunsWhatNeedsNoneAndSaysSo() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).withoutDraft().open()) {
            GenerationOptions options = GenerationOptions.defaults().withMaxTokens(20);
            int[] plain = toy.ids(ToyModel.prompt(9, 1), options.withDrafter("none"));
            for (String name : List.of("pld", "lookahead")) {
                assertThat(toy.ids(ToyModel.prompt(9, 1), options.withDrafter(name))).isEqualTo(plain);
            }
            assertThatThrownBy(() -> toy.ids(ToyModel.prompt(9, 1), options.withDrafter("speculative")))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContainingAll("needs a draft model", "--draft-model", "pld, lookahead, none");
            for (String name : List.of("eagle2", "eagle", "mixed", "medusa", "hydra")) {
                assertThatThrownBy(() -> toy.ids(ToyModel.prompt(9, 1), options.withDrafter(name)))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageContainingAll("no draft head", name, "pld, lookahead, none");
            }
        }
    }

    /** The draft draws with the target's own uniform number, so a draft that knows the language is always right. */
    @Test
    void aDraftModelThatKnowsTheLanguageDrawsWhatTheTargetDraws() {
        AtomicInteger cycles = new AtomicInteger();
        AtomicInteger tokens = new AtomicInteger();
        CycleListener counts = (root, tree, accepted, emitted, count) -> {
            cycles.incrementAndGet();
            tokens.addAndGet(count);
        };
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).noise(0).open()) {
            GenerationOptions options = GenerationOptions.defaults().withDrafter("speculative").withMaxTokens(200)
                    .withTemperature(1).withSeed(7L).withBudget(new TreeBudget(4, 1, 4));
            toy.model().stream(ToyModel.request(ToyModel.prompt(20, 3), options), counts).collect().last().await()
                    .indefinitely();
        }
        // The prompt's last row gives the first token; then four drafted tokens and the target's own.
        assertThat(tokens.get()).isGreaterThan((int) (4.8 * (cycles.get() - 1)));
    }
}
