package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.apache.commons.math3.stat.inference.ChiSquareTest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/**
 * What is drawn at temperature 1 is distributed as the language says, whatever the tree: a chi-square test against the exact
 * probabilities. Seeds are fixed, so the test gives the same answer every time.
 */
class DistributionTest {

    private static final double SIGNIFICANT = 0.001;
    /** Cells of a chi-square test that expect fewer draws than this are taken together. */
    private static final double FEWEST_EXPECTED = 5;
    private static final int ANSWERS = 7_000;
    /** Tokens of an answer: 21 000 draws for every shape. */
    private static final int TOKENS = 3;
    private static final ToyLanguage LANGUAGE = ToyLanguage.endless();
    private static final int[] PROMPT = ToyModel.prompt(5, 77);
    private static final GenerationOptions SAMPLING = GenerationOptions.defaults().withTemperature(1).withMaxTokens(TOKENS);
    private static final GenerationOptions REJECTION = SAMPLING.withDrafter("speculative").withAcceptance(Acceptance.REJECTION);
    private static final ToyModel MODEL = ToyModel.of(LANGUAGE).slots(4).open();

    @AfterAll
    static void closeModel() {
        MODEL.close();
    }

    static Stream<Arguments> shapes() {
        return Stream.of(Arguments.of("no tree", SAMPLING.withDrafter("none")),
                Arguments.of("a chain", eagle(new TreeBudget(6, 1, 6))),
                Arguments.of("one wide level", eagle(new TreeBudget(10, 10, 1))),
                Arguments.of("a small bush", eagle(new TreeBudget(7, 3, 3))),
                Arguments.of("the paper's tree", eagle(TreeBudget.PAPER)),
                Arguments.of("an adaptive tree", eagle(null)),
                Arguments.of("a draft model's chain, coupled", SAMPLING.withDrafter("speculative")),
                Arguments.of("a draft model's chain, by rejection", REJECTION),
                Arguments.of("one token of a draft model, by rejection", REJECTION.withBudget(new TreeBudget(1, 1, 1))));
    }

    private static GenerationOptions eagle(TreeBudget budget) {
        return SAMPLING.withDrafter("eagle2").withBudget(budget);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("shapes")
    void answersAreDistributedAsTheLanguageSays(String shape, GenerationOptions options) {
        long[] counts = draw(options, shape.hashCode());
        assertThat(probabilityOf(counts, exact(LANGUAGE.vocabulary()))).isGreaterThan(SIGNIFICANT);
    }

    @Test
    void theMostProbableTokensAloneAreDistributedAsTheLanguageSaysWithTopK() {
        int topK = 4;
        long[] counts = draw(eagle(TreeBudget.PAPER).withTopK(topK), 4);
        assertThat(probabilityOf(counts, exact(topK))).isGreaterThan(SIGNIFICANT);
    }

    /** Chains adapt without a seed; the seeds are others every time, so the limit is one that chance does not reach. */
    @Test
    void rejectionKeepsTheDistributionWhateverLengthChainsHave() {
        long[] counts = new long[(int) Math.pow(LANGUAGE.vocabulary(), TOKENS)];
        IntStream.range(0, ANSWERS).parallel().mapToObj(i -> MODEL.ids(PROMPT, REJECTION.withSeed(null))).toList()
                .forEach(answer -> counts[cell(answer)]++);
        assertThat(probabilityOf(counts, exact(LANGUAGE.vocabulary()))).isGreaterThan(1e-9);
    }

    @Test
    void rejectionKeepsThatDistributionWithTopK() {
        int topK = 4;
        long[] counts = draw(REJECTION.withTopK(topK), 6);
        assertThat(probabilityOf(counts, exact(topK))).isGreaterThan(SIGNIFICANT);
    }

    @Test
    void theTestNoticesATemperatureThatIsSlightlyWrong() {
        long[] counts = draw(eagle(TreeBudget.PAPER).withTemperature(1.1), 5);
        assertThat(probabilityOf(counts, exact(LANGUAGE.vocabulary()))).isLessThan(1e-6);
    }

    /** How often every answer came, by its tokens read as digits. */
    private static long[] draw(GenerationOptions options, long firstSeed) {
        List<Long> seeds = Stream.iterate(firstSeed << 20, seed -> seed + 1).limit(ANSWERS).toList();
        long[] counts = new long[(int) Math.pow(LANGUAGE.vocabulary(), TOKENS)];
        seeds.parallelStream().map(seed -> MODEL.ids(PROMPT, options.withSeed(seed))).toList()
                .forEach(answer -> counts[cell(answer)]++);
        return counts;
    }

    private static int cell(int[] answer) {
        int cell = 0;
        for (int token : answer) {
            cell = cell * LANGUAGE.vocabulary() + token;
        }
        return cell;
    }

    /** The exact probability of every answer when only the {@code topK} best tokens may follow. */
    private static double[] exact(int topK) {
        double[] probabilities = { 1 };
        List<Long> prefixes = List.of(ToyLanguage.prefix(PROMPT));
        for (int t = 0; t < TOKENS; t++) {
            double[] longer = new double[probabilities.length * LANGUAGE.vocabulary()];
            List<Long> extended = new ArrayList<>();
            for (int i = 0; i < probabilities.length; i++) {
                double[] next = LANGUAGE.probabilities(prefixes.get(i));
                int[] order = ToyLanguage.descending(LANGUAGE.logits(prefixes.get(i)));
                double kept = 0;
                for (int rank = 0; rank < topK; rank++) {
                    kept += next[order[rank]];
                }
                for (int rank = 0; rank < topK; rank++) {
                    longer[i * LANGUAGE.vocabulary() + order[rank]] = probabilities[i] * next[order[rank]] / kept;
                }
                for (int token = 0; token < LANGUAGE.vocabulary(); token++) {
                    extended.add(ToyLanguage.extend(prefixes.get(i), token));
                }
            }
            probabilities = longer;
            prefixes = extended;
        }
        return probabilities;
    }

    /** Pearson's p-value of the counts. */
    private static double probabilityOf(long[] counts, double[] probabilities) {
        List<Double> expected = new ArrayList<>();
        List<Long> observed = new ArrayList<>();
        double rest = 0;
        long restCount = 0;
        for (int i = 0; i < counts.length; i++) {
            double mean = probabilities[i] * ANSWERS;
            if (mean >= FEWEST_EXPECTED) {
                expected.add(mean);
                observed.add(counts[i]);
            } else {
                rest += mean;
                restCount += counts[i];
            }
        }
        expected.add(rest);
        observed.add(restCount);
        assertThat(expected.size()).as("cells").isGreaterThan(30);
        return new ChiSquareTest().chiSquareTest(expected.stream().mapToDouble(Double::doubleValue).toArray(),
                observed.stream().mapToLong(Long::longValue).toArray());
    }
}
