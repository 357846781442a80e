package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import org.apache.commons.math3.stat.inference.ChiSquareTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.ReferenceSampler;
import io.quarkiverse.eagle.sampling.Rows;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.toy.ToyLanguage;

/**
 * The first two tokens that come out of drafting and verifying, over many seeds, against their exact joint distribution: a
 * chi-square test. Seeds are fixed, so the test gives the same answer every time.
 */
class RejectionVerifierTest {

    private static final double SIGNIFICANT = 0.001;
    /** Cells of a chi-square test that expect fewer draws than this are taken together. */
    private static final double FEWEST_EXPECTED = 5;
    private static final int SEEDS = 8_000;
    private static final int TOP_K = 5;
    private static final int[] PROMPT = { 3, 1, 4, 1, 5 };
    private static final ToyLanguage LANGUAGE = ToyLanguage.endless();
    /** How far the draft is from the target: about two of five tokens are rejected. */
    private static final double NOISE = 1.2;
    private static final TreeVerifier.EndTokens NEVER = token -> false;

    /** What becomes of a rejected token. */
    private enum Replacement {
        BY_THE_RULE,
        /** A plain draw from the target's distribution: wrong. */
        BY_A_PLAIN_DRAW
    }

    /** Rows as engines would give them, by prefix; target and draft. */
    private static final Map<Long, float[]> TARGET = new ConcurrentHashMap<>();
    private static final Map<Long, float[]> DRAFT = new ConcurrentHashMap<>();

    static Stream<GenerationOptions> options() {
        GenerationOptions base = GenerationOptions.defaults().withTemperature(1);
        return Stream.of(base, base.withTemperature(0.4), base.withTemperature(2.5), base.withTopK(4), base.withTopP(0.8),
                base.withTemperature(1.5).withMinP(0.1), base.withTemperature(0.8).withTopK(6).withTopP(0.9),
                base.withPenalties(1.4, 0.9, 0.6), base.withPenalties(0.8, -0.5, -0.3).withTopP(0.9));
    }

    @ParameterizedTest
    @MethodSource("options")
    void firstTokensAndPairsAreDistributedAsPlainSamplings(GenerationOptions options) {
        double[] exact = exact(options);
        long[] pairs = draw(options, Replacement.BY_THE_RULE);
        assertThat(probabilityOf(pairs, exact)).isGreaterThan(SIGNIFICANT);
        assertThat(probabilityOf(firsts(pairs), firsts(exact))).isGreaterThan(SIGNIFICANT);
    }

    @ParameterizedTest
    @MethodSource("options")
    void theTestNoticesThatRejectedTokensAreReplacedByPlainDraws(GenerationOptions options) {
        long[] pairs = draw(options, Replacement.BY_A_PLAIN_DRAW);
        assertThat(probabilityOf(pairs, exact(options))).isLessThan(1e-6);
    }

    @Test
    void theTopKIsEnoughWhereTheCutEndsInItAndElseTheLogitsOfEachVisitedRowAreAskedFor() {
        GenerationOptions sampling = GenerationOptions.defaults().withTemperature(1);
        assertThat(fetches(sampling.withTopK(TOP_K))).isZero();
        assertThat(fetches(sampling)).isPositive();
    }

    /** With penalties too: the draft counts the tokens of its own chain as the target will. */
    @Test
    void aDraftThatKnowsTheLanguageIsAcceptedWhole() {
        GenerationOptions sampling = GenerationOptions.defaults().withTemperature(1.3);
        for (GenerationOptions options : List.of(sampling, sampling.withTopP(0.9), sampling.withPenalties(1.5, 1, 1))) {
            for (long seed = 0; seed < 200; seed++) {
                int[] chain = new int[5];
                RejectionVerifier verifier = cycle(options, seed, chain, 0);
                assertThat(verifier.count()).isEqualTo(6);
                assertThat(IntStream.range(0, 5).map(verifier::emitted).toArray()).isEqualTo(chain);
            }
        }
    }

    @Test
    void anEndTokenInTheChainAndTheLimitEndTheWalk() {
        for (long seed = 0; seed < 200; seed++) {
            DraftTree tree = new DraftTree();
            TokenSampler sampler = new TokenSampler(GenerationOptions.defaults().withTemperature(1), seed,
                    LANGUAGE.vocabulary());
            DraftedChain chain = new DraftedChain(sampler);
            int[] tokens = draft(tree, chain, ToyLanguage.prefix(PROMPT), PROMPT.length, 3, 0);
            StepResult step = Rows.result(TOP_K, true, targets(ToyLanguage.prefix(PROMPT), tokens, 3));
            RejectionVerifier verifier = new RejectionVerifier();
            verifier.begin(chain);
            verifier.walk(tree, step, 0, sampler, PROMPT.length, 2, NEVER);
            assertThat(verifier.count()).isEqualTo(2);
            verifier.begin(chain);
            verifier.walk(tree, step, 0, sampler, PROMPT.length, 4, token -> token == tokens[1]);
            assertThat(verifier.count()).isEqualTo(tokens[0] == tokens[1] ? 1 : 2);
        }
    }

    /** One cycle after the prompt with a chain as long as the array, which gets it. */
    private static RejectionVerifier cycle(GenerationOptions options, long seed, int[] chain, double noise) {
        DraftTree tree = new DraftTree();
        TokenSampler sampler = new TokenSampler(options, seed, LANGUAGE.vocabulary());
        DraftedChain drafted = new DraftedChain(sampler);
        long prefix = ToyLanguage.prefix(PROMPT);
        System.arraycopy(draft(tree, drafted, prefix, PROMPT.length, chain.length, noise), 0, chain, 0, chain.length);
        RejectionVerifier verifier = new RejectionVerifier();
        verifier.begin(drafted);
        verifier.walk(tree, Rows.result(TOP_K, true, targets(prefix, chain, chain.length)), 0, sampler, PROMPT.length,
                chain.length + 1, NEVER);
        return verifier;
    }

    /** How often a row's full logits were asked for in the cycles of many seeds. */
    private static int fetches(GenerationOptions options) {
        int fetches = 0;
        for (long seed = 0; seed < 100; seed++) {
            DraftTree tree = new DraftTree();
            TokenSampler sampler = new TokenSampler(options, seed, LANGUAGE.vocabulary());
            DraftedChain chain = new DraftedChain(sampler);
            long prefix = ToyLanguage.prefix(PROMPT);
            int[] tokens = draft(tree, chain, prefix, PROMPT.length, 3, NOISE);
            float[][] rows = targets(prefix, tokens, 3);
            StepResult step = Rows.result(TOP_K, false, rows);
            RejectionVerifier verifier = new RejectionVerifier();
            verifier.begin(chain);
            while (!verifier.walk(tree, step, 0, sampler, PROMPT.length, 4, NEVER)) {
                int row = verifier.row();
                step.bringLogits(0, row).put(step.logitsOffset(0, row), rows[row]);
                fetches++;
            }
        }
        return fetches;
    }

    /** How often every pair of first tokens came. */
    private static long[] draw(GenerationOptions options, Replacement replacement) {
        long[] counts = new long[LANGUAGE.vocabulary() * LANGUAGE.vocabulary()];
        LongStream.range(0, SEEDS).parallel().mapToObj(seed -> answer(options, seed << 8, replacement)).toList()
                .forEach(answer -> counts[answer.get(0) * LANGUAGE.vocabulary() + answer.get(1)]++);
        return counts;
    }

    /** Drafts and verifies until there are two tokens or more. */
    private static List<Integer> answer(GenerationOptions options, long seed, Replacement replacement) {
        TokenSampler sampler = new TokenSampler(options, seed, LANGUAGE.vocabulary());
        sampler.observePrompt(PROMPT, 0, PROMPT.length);
        DraftedChain chain = new DraftedChain(sampler);
        DraftTree tree = new DraftTree();
        RejectionVerifier verifier = new RejectionVerifier();
        List<Integer> answer = new ArrayList<>();
        long prefix = ToyLanguage.prefix(PROMPT);
        while (answer.size() < 2) {
            int root = PROMPT.length + answer.size();
            // A chain's length may depend on what stands before it.
            int length = answer.isEmpty() ? 2 : answer.get(0) % 3;
            int[] tokens = draft(tree, chain, prefix, root, length, NOISE);
            StepResult step = Rows.result(TOP_K, true, targets(prefix, tokens, length));
            verifier.begin(chain);
            assertThat(verifier.walk(tree, step, 0, sampler, root, length + 1, NEVER)).isTrue();
            for (int i = 0; i < verifier.count(); i++) {
                int token = verifier.emitted(i);
                if (replacement == Replacement.BY_A_PLAIN_DRAW && i < length && token != tokens[i]) {
                    token = plain(options, seed, answer, step, i);
                }
                answer.add(token);
                prefix = ToyLanguage.extend(prefix, token);
            }
        }
        return answer;
    }

    private static int plain(GenerationOptions options, long seed, List<Integer> answer, StepResult step, int row) {
        TokenSampler sampler = new TokenSampler(options, seed, LANGUAGE.vocabulary());
        sampler.observePrompt(PROMPT, 0, PROMPT.length);
        answer.forEach(sampler::accept);
        return sampler.sample(step, 0, row, PROMPT.length + answer.size());
    }

    /** Draws a chain and makes it the tree. */
    private static int[] draft(DraftTree tree, DraftedChain chain, long prefix, int root, int length, double noise) {
        tree.clear();
        int[] tokens = new int[length];
        long read = prefix;
        for (int i = 0; i < length; i++) {
            float[] row = noise == 0 ? target(read) : DRAFT.computeIfAbsent(read, p -> LANGUAGE.logits(p, noise));
            tokens[i] = chain.draw(Rows.result(TOP_K, true, row), 0, 0, root, tokens, i);
            tree.add(tokens[i], i - 1, -i);
            read = ToyLanguage.extend(read, tokens[i]);
        }
        return tokens;
    }

    /** The target's rows for the root and the chain's tokens. */
    private static float[][] targets(long prefix, int[] chain, int length) {
        float[][] rows = new float[length + 1][];
        long read = prefix;
        for (int i = 0; i <= length; i++) {
            rows[i] = target(read);
            read = i < length ? ToyLanguage.extend(read, chain[i]) : read;
        }
        return rows;
    }

    private static float[] target(long prefix) {
        return TARGET.computeIfAbsent(prefix, LANGUAGE::logits);
    }

    /** The exact probability of every pair of first tokens. */
    private static double[] exact(GenerationOptions options) {
        double[] exact = new double[LANGUAGE.vocabulary() * LANGUAGE.vocabulary()];
        long prefix = ToyLanguage.prefix(PROMPT);
        for (ReferenceSampler.Candidate first : reference(options).distribution(target(prefix))) {
            ReferenceSampler after = reference(options);
            after.accept(first.token());
            for (ReferenceSampler.Candidate second : after.distribution(target(ToyLanguage.extend(prefix, first.token())))) {
                exact[first.token() * LANGUAGE.vocabulary() + second.token()] = first.probability() * second.probability();
            }
        }
        return exact;
    }

    private static ReferenceSampler reference(GenerationOptions options) {
        ReferenceSampler reference = new ReferenceSampler(options);
        IntStream.of(PROMPT).forEach(reference::observePrompt);
        return reference;
    }

    private static long[] firsts(long[] pairs) {
        long[] firsts = new long[LANGUAGE.vocabulary()];
        for (int i = 0; i < pairs.length; i++) {
            firsts[i / firsts.length] += pairs[i];
        }
        return firsts;
    }

    private static double[] firsts(double[] pairs) {
        double[] firsts = new double[LANGUAGE.vocabulary()];
        for (int i = 0; i < pairs.length; i++) {
            firsts[i / firsts.length] += pairs[i];
        }
        return firsts;
    }

    /** Pearson's p-value of the counts; 0 when something came that cannot come. */
    private static double probabilityOf(long[] counts, double[] probabilities) {
        List<Double> expected = new ArrayList<>();
        List<Long> observed = new ArrayList<>();
        double rest = 0;
        long restCount = 0;
        for (int i = 0; i < counts.length; i++) {
            double mean = probabilities[i] * SEEDS;
            if (mean == 0 && counts[i] > 0) {
                return 0;
            }
            if (mean >= FEWEST_EXPECTED) {
                expected.add(mean);
                observed.add(counts[i]);
            } else {
                rest += mean;
                restCount += counts[i];
            }
        }
        if (rest > 0) {
            expected.add(rest);
            observed.add(restCount);
        }
        return new ChiSquareTest().chiSquareTest(expected.stream().mapToDouble(Double::doubleValue).toArray(),
                observed.stream().mapToLong(Long::longValue).toArray());
    }
}
