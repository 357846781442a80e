package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** The papers' rule in the decode loop; that its text has the right distribution, {@link DistributionTest} shows. */
@Timeout(60)
class RejectionDecodingTest {

    private static final GenerationOptions REJECTION = GenerationOptions.defaults().withDrafter("speculative")
            .withAcceptance(Acceptance.REJECTION).withTemperature(1.2).withMaxTokens(60);

    private static GenerationOptions options(Random random) {
        GenerationOptions options = REJECTION.withSeed(random.nextLong()).withMaxTokens(1 + random.nextInt(80));
        options = random.nextInt(3) == 0 ? options.withPenalties(1.2, 0.2, 0.1) : options;
        options = random.nextInt(3) == 0 ? options.withTopK(5) : options;
        options = random.nextInt(3) == 0 ? options.withTopP(0.8) : options;
        options = random.nextInt(3) == 0 ? options.withLogprobs(2) : options;
        return random.nextBoolean() ? options
                : options.withBudget(new TreeBudget(1 + random.nextInt(8), 1, 1 + random.nextInt(8)));
    }

    /** With neighbours of every drafter, full logits that have to be fetched, and losses at steps and fetches. */
    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6 })
    void aSeedRepeatsItsTextWhateverRunsBesideItAndWhateverIsLost(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            prompts.add(ToyModel.prompt(1 + random.nextInt(60), random.nextLong()));
            options.add(options(random));
        }
        List<int[]> alone = new ArrayList<>();
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).open()) {
            for (int i = 0; i < prompts.size(); i++) {
                alone.add(toy.ids(prompts.get(i), options.get(i)));
            }
        }
        AtomicInteger losses = new AtomicInteger();
        try (ToyModel toy = ToyModel.of(ToyLanguage.ending()).slots(4).targetTopK(3).withoutLogits().open()) {
            Runnable fault = () -> {
                if (random.nextInt(40) == 0) {
                    losses.incrementAndGet();
                    toy.target().forget();
                    toy.draft().forget();
                    throw new PoolLostException("the toy's pool was lost", null);
                }
            };
            toy.target().beforeEveryStep(request -> fault.run());
            toy.target().beforeEveryFetch(fault);
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
                GenerationOptions neighbour = options.get(i).withAcceptance(null)
                        .withDrafter(Drafters.NAMES.get(i % Drafters.NAMES.size()));
                Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), neighbour)));
            }
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(consumers.get(i).awaitAnswer()).isEqualTo(alone.get(i));
            }
        }
        assertThat(losses).hasPositiveValue();
    }

    @Test
    void greedyTextIsPlainDecodings() {
        ToyLanguage language = ToyLanguage.ending();
        try (ToyModel toy = ToyModel.of(language).open()) {
            for (long seed = 0; seed < 20; seed++) {
                int[] prompt = ToyModel.prompt(5, seed);
                assertThat(toy.ids(prompt, REJECTION.withTemperature(0))).isEqualTo(language.greedy(prompt, 60));
            }
        }
    }

    @Test
    void theTextIsAnotherThanThatOfCoupledDraws() {
        int[] prompt = ToyModel.prompt(5, 1);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            assertThat(toy.ids(prompt, REJECTION.withSeed(3L)))
                    .isNotEqualTo(toy.ids(prompt, REJECTION.withSeed(3L).withAcceptance(Acceptance.COUPLED)));
        }
    }

    @Test
    void aDraftModelThatKnowsTheLanguageIsAcceptedWhole() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).noise(0).open()) {
            List<GeneratedToken> answer = toy.answer(ToyModel.prompt(5, 1), REJECTION.withSeed(3L).withMaxTokens(61));
            // The prompt's last row gives the first token; then four drafted tokens and the target's own.
            assertThat(answer.get(60).result().cycles()).isEqualTo(12);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 3, 5, 6, 7 })
    void theTokenLimitIsMetExactlyAndLogprobsAreThere(int maxTokens) {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).noise(0.2).targetTopK(2).withoutLogits().open()) {
            List<GeneratedToken> answer = toy.answer(ToyModel.prompt(5, 1),
                    REJECTION.withSeed(3L).withTemperature(3).withMaxTokens(maxTokens).withLogprobs(2));
            assertThat(answer).hasSize(maxTokens).extracting(GeneratedToken::logprob).doesNotContain(Float.NaN);
            assertThat(answer.get(maxTokens - 1).result().finishReason()).isEqualTo(FinishReason.LENGTH);
        }
    }

    @Test
    void aStopStringEndsTheAnswerBeforeIt() {
        int[] prompt = ToyModel.prompt(9, 77);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            GenerationOptions options = REJECTION.withSeed(4L);
            String whole = toy.model().generate(ToyModel.request(prompt, options)).await().indefinitely().text();
            for (int from = 0; from < 20; from += 3) {
                String stop = whole.substring(from, from + 2);
                List<GeneratedToken> answer = toy.answer(prompt, options.withStop(List.of(stop)));
                assertThat(answer.get(answer.size() - 1).result().text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
                assertThat(answer.get(answer.size() - 1).result().finishReason()).isEqualTo(FinishReason.STOP);
            }
        }
    }

    @Test
    void withoutASeedChainsAdaptAndEveryAnswerIsWhole() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).slots(4).open()) {
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(ToyModel.prompt(8, i), REJECTION))));
            }
            for (Consumer consumer : consumers) {
                assertThat(consumer.awaitAnswer()).hasSize(60);
            }
        }
    }

    @Test
    void otherDraftersRefuseTheRuleBeforeAnyWork() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            int steps = toy.target().steps();
            for (String name : Drafters.NAMES) {
                if (!name.equals("speculative")) {
                    assertThatThrownBy(() -> toy.ids(ToyModel.prompt(5, 1), REJECTION.withDrafter(name)))
                            .isInstanceOf(InvalidRequestException.class)
                            .hasMessageContainingAll("the drafter is \"" + name + "\"", "choose drafter \"speculative\"");
                }
            }
            assertThatThrownBy(() -> toy.ids(ToyModel.prompt(5, 1), REJECTION.withDrafter(null)))
                    .isInstanceOf(InvalidRequestException.class).hasMessageContaining("the drafter is \"eagle2\"");
            assertThat(toy.target().steps()).isEqualTo(steps);
        }
    }

    @Test
    void aModelsOwnRuleIsForTheRequestsThatDoNotSayAndForItsDrafterAlone() {
        int[] prompt = ToyModel.prompt(5, 1);
        GenerationOptions unsaid = REJECTION.withDrafter(null).withAcceptance(null).withSeed(3L);
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).standard("speculative", Acceptance.REJECTION).open()) {
            int[] plain = toy.ids(prompt, unsaid.withDrafter("none"));
            assertThat(toy.ids(prompt, unsaid)).isEqualTo(toy.ids(prompt, unsaid.withAcceptance(Acceptance.REJECTION)))
                    .isNotEqualTo(plain);
            assertThat(toy.ids(prompt, unsaid.withAcceptance(Acceptance.COUPLED))).isEqualTo(plain);
            assertThat(toy.ids(prompt, unsaid.withDrafter("eagle2"))).isEqualTo(plain);
        }
        for (String other : Arrays.asList(null, "eagle2")) {
            assertThatThrownBy(() -> ToyModel.of(ToyLanguage.endless()).standard(other, Acceptance.REJECTION).open())
                    .isInstanceOf(InvalidRequestException.class).hasMessageContaining("choose drafter \"speculative\"");
        }
    }
}
