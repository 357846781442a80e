package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.tree.DraftTree;

/** One sequence at a time: EAGLE-2 says what plain decoding says, and that is what the language says. */
class LosslessDecodingTest {

    private static final GenerationOptions PLAIN = GenerationOptions.defaults().withDrafter("none");
    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(TreeBudget.PAPER);
    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final ToyModel MODEL = ToyModel.of(ENDLESS).open();

    @AfterAll
    static void closeModel() {
        MODEL.close();
    }

    static Stream<TreeBudget> budgets() {
        return IntStream.of(1, 2, 3, 8, 26, 60, 127).boxed()
                .flatMap(nodes -> IntStream.of(1, 2, 4, 10, 32).boxed()
                        .flatMap(topK -> IntStream.of(1, 2, 5, 16).mapToObj(depth -> new TreeBudget(nodes, topK, depth))));
    }

    @ParameterizedTest
    @MethodSource("budgets")
    void everyBudgetDecodesWhatTheLanguageSays(TreeBudget budget) {
        int[] prompt = ToyModel.prompt(7, budget.hashCode());
        GenerationOptions options = EAGLE.withBudget(budget).withMaxTokens(40);
        assertThat(MODEL.ids(prompt, options)).isEqualTo(ENDLESS.greedy(prompt, 40));
        assertThat(MODEL.ids(prompt, options.withTemperature(1).withSeed(5L))).isEqualTo(ENDLESS.seeded(prompt, 40, 5));
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 3, 62, 63, 64, 65, 66, 127, 128, 129, 200 })
    void promptsOfAnyLengthAreReadWhole(int length) {
        int[] prompt = ToyModel.prompt(length, length);
        for (GenerationOptions options : List.of(PLAIN, EAGLE, EAGLE.withBudget(null))) {
            assertThat(MODEL.ids(prompt, options.withMaxTokens(20))).isEqualTo(ENDLESS.greedy(prompt, 20));
            assertThat(MODEL.ids(prompt, options.withMaxTokens(20).withTemperature(1).withSeed(3L)))
                    .isEqualTo(ENDLESS.seeded(prompt, 20, 3));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 30 })
    void theTokenLimitIsMetExactly(int maxTokens) {
        int[] prompt = ToyModel.prompt(4, 1);
        try (ToyModel sure = ToyModel.of(ENDLESS).noise(0).open()) {
            List<GeneratedToken> answer = sure.answer(prompt, EAGLE.withMaxTokens(maxTokens));
            assertThat(ids(answer)).isEqualTo(ENDLESS.greedy(prompt, maxTokens));
            assertThat(result(answer).finishReason()).isEqualTo(FinishReason.LENGTH);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 3, 9, 18, 19 })
    void theModelsLengthIsMetExactly(int room) {
        try (ToyModel small = ToyModel.of(ENDLESS).maxLength(20).noise(0).open()) {
            int[] prompt = ToyModel.prompt(20 - room, room);
            for (GenerationOptions options : List.of(PLAIN, EAGLE, EAGLE.withBudget(new TreeBudget(127, 10, 16)),
                    EAGLE.withBudget(null))) {
                List<GeneratedToken> answer = small.answer(prompt, options);
                assertThat(ids(answer)).isEqualTo(ENDLESS.greedy(prompt, room));
                assertThat(result(answer).finishReason()).isEqualTo(FinishReason.LENGTH);
            }
        }
    }

    @Test
    void anEndTokenInTheMiddleOfAnAcceptedPathEndsTheAnswer() {
        ToyLanguage ending = ToyLanguage.ending();
        AtomicInteger drafted = new AtomicInteger();
        CycleListener countsDraftedEnds = (root, tree, accepted, emitted, count) -> {
            int before = count == 1 ? DraftTree.ROOT : accepted[count - 2];
            if (emitted[count - 1] == ending.endToken() && tree.child(before, ending.endToken()) >= 0) {
                drafted.incrementAndGet();
            }
        };
        try (ToyModel sure = ToyModel.of(ending).noise(0).open()) {
            for (int seed = 0; seed < 60; seed++) {
                int[] prompt = ToyModel.prompt(5, seed);
                List<GeneratedToken> answer = sure.model()
                        .stream(ToyModel.request(prompt, EAGLE.withMaxTokens(100)), countsDraftedEnds).collect().asList()
                        .await().atMost(Duration.ofSeconds(30));
                int[] expected = ending.greedy(prompt, 100);
                assertThat(ids(answer)).isEqualTo(expected);
                if (expected[expected.length - 1] == ending.endToken()) {
                    assertThat(result(answer).finishReason()).isEqualTo(FinishReason.STOP);
                    assertThat(result(answer).text()).isEqualTo(letters(expected, expected.length - 1));
                }
            }
        }
        assertThat(drafted).as("answers whose end token stood in the tree").hasValueGreaterThan(10);
    }

    static Stream<Arguments> stops() {
        int[] prompt = ToyModel.prompt(9, 77);
        String text = letters(ENDLESS.greedy(prompt, 40), 40);
        return IntStream.of(0, 1, 2, 5, 11, 20, 36).boxed().flatMap(from -> IntStream.of(1, 2, 4)
                .mapToObj(length -> Arguments.of(prompt, text, text.substring(from, from + length))));
    }

    @ParameterizedTest
    @MethodSource("stops")
    void aStopStringEndsTheAnswerBeforeIt(int[] prompt, String text, String stop) {
        for (GenerationOptions options : List.of(PLAIN, EAGLE)) {
            List<GeneratedToken> answer = MODEL.answer(prompt, options.withMaxTokens(40).withStop(List.of(stop, "zz")));
            assertThat(result(answer).text()).isEqualTo(text.substring(0, text.indexOf(stop)));
            assertThat(answer.stream().map(GeneratedToken::text).collect(Collectors.joining()))
                    .isEqualTo(result(answer).text());
            assertThat(result(answer).finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(ids(answer)).hasSize(text.indexOf(stop) + stop.length());
        }
    }

    @Test
    void aStopStringThatOnlyTheEndOfTheAnswerDecidesCountsAsStop() {
        int[] prompt = ToyModel.prompt(9, 78);
        String text = letters(ENDLESS.greedy(prompt, 10), 10);
        String longer = text.substring(6, 10) + "z";
        String stop = text.substring(7, 10);
        assertThat(text.indexOf(stop)).isEqualTo(7);
        GenerationResult result = result(MODEL.answer(prompt, EAGLE.withMaxTokens(10).withStop(List.of(longer, stop))));
        assertThat(result.text()).isEqualTo(text.substring(0, 7));
        assertThat(result.finishReason()).isEqualTo(FinishReason.STOP);
    }

    static Stream<GenerationOptions> optionsOfEveryKind() {
        GenerationOptions base = GenerationOptions.defaults().withMaxTokens(50).withSeed(11L);
        return Stream.of(base, base.withTemperature(1), base.withTemperature(0.6).withTopP(0.9),
                base.withTemperature(2).withTopK(3), base.withTemperature(1.5).withMinP(0.1),
                base.withPenalties(1.3, 0, 0), base.withPenalties(1, 0.7, 0.3), base.withPenalties(0.8, -0.5, 0),
                base.withTemperature(1).withPenalties(1.2, 0.5, 0.5), base.withLogprobs(4),
                base.withTemperature(1.8).withLogprobs(20), base.withTemperature(1).withTopP(0.8).withMinP(0.05)
                        .withPenalties(1.1, 0.1, 0.1).withLogprobs(1));
    }

    @ParameterizedTest
    @MethodSource("optionsOfEveryKind")
    void everyTokenTextAndLogprobIsThatOfPlainDecoding(GenerationOptions options) {
        for (int length : new int[] { 3, 70 }) {
            int[] prompt = ToyModel.prompt(length, 13);
            List<GeneratedToken> plain = MODEL.answer(prompt, options.withDrafter("none"));
            for (TreeBudget budget : Arrays.asList(TreeBudget.PAPER, new TreeBudget(5, 1, 5), null)) {
                sameTokens(MODEL.answer(prompt, options.withDrafter("eagle2").withBudget(budget)), plain);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("optionsOfEveryKind")
    void anEngineWhoseLogitsMustBeFetchedDecodesTheSame(GenerationOptions options) {
        try (ToyModel frugal = ToyModel.of(ENDLESS).targetTopK(2).withoutLogits().open()) {
            int[] prompt = ToyModel.prompt(20, 14);
            List<GeneratedToken> plain = MODEL.answer(prompt, options.withDrafter("none").withLogprobs(2));
            sameTokens(frugal.answer(prompt, options.withDrafter("none").withLogprobs(2)), plain);
            sameTokens(frugal.answer(prompt, options.withDrafter("eagle2").withBudget(TreeBudget.PAPER).withLogprobs(2)),
                    plain);
            assertThat(frugal.target().fetches() > 0).isEqualTo(options.temperature() > 0 || options.hasPenalties());
        }
    }

    @Test
    void anEngineOfFewRowsCutsTheTreeAndThePromptToThem() {
        try (ToyModel narrow = ToyModel.of(ENDLESS).maxRows(16).open()) {
            int[] prompt = ToyModel.prompt(50, 15);
            assertThat(narrow.ids(prompt, EAGLE.withMaxTokens(40))).isEqualTo(ENDLESS.greedy(prompt, 40));
        }
    }

    @Test
    void aDraftOfOneTokenPerRowDraftsChains() {
        try (ToyModel chains = ToyModel.of(ENDLESS).draftTopK(1).noise(0).open()) {
            int[] prompt = ToyModel.prompt(50, 16);
            GenerationOptions options = EAGLE.withMaxTokens(41).withBudget(new TreeBudget(7, 1, 7));
            List<GeneratedToken> answer = chains.answer(prompt, options);
            assertThat(ids(answer)).isEqualTo(ENDLESS.greedy(prompt, 41));
            assertThat(result(answer).tau()).isEqualTo(8);
        }
    }

    @Test
    void aDraftThatKnowsTheLanguageBringsAWholePathPerCycle() {
        try (ToyModel sure = ToyModel.of(ENDLESS).noise(0).open()) {
            GenerationResult result = result(sure.answer(ToyModel.prompt(5, 17), EAGLE.withMaxTokens(71)));
            assertThat(result.cycles()).isBetween(10, 12);
            assertThat(result.tau()).isEqualTo(70.0 / result.cycles());
        }
    }

    private static void sameTokens(List<GeneratedToken> answer, List<GeneratedToken> plain) {
        assertThat(withoutResults(answer)).isEqualTo(withoutResults(plain));
        assertThat(result(answer).text()).isEqualTo(result(plain).text());
        assertThat(result(answer).finishReason()).isEqualTo(result(plain).finishReason());
        assertThat(result(answer).tokenIds()).isEqualTo(ids(answer));
    }

    private static List<GeneratedToken> withoutResults(List<GeneratedToken> answer) {
        return answer.stream().map(token -> new GeneratedToken(token.index(), token.id(), token.text(), token.logprob(),
                token.alternatives(), null)).toList();
    }

    private static GenerationResult result(List<GeneratedToken> answer) {
        return answer.get(answer.size() - 1).result();
    }

    private static int[] ids(List<GeneratedToken> answer) {
        return answer.stream().mapToInt(GeneratedToken::id).toArray();
    }

    private static String letters(int[] ids, int count) {
        return Arrays.stream(ids, 0, count).mapToObj(id -> String.valueOf((char) ('a' + id))).collect(Collectors.joining());
    }
}
