package io.quarkiverse.eagle.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Random;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;
import io.quarkiverse.eagle.grammar.TokenGrammars;
import io.quarkiverse.eagle.text.TokenBytes;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** The fast sampler against {@link ReferenceSampler}, on any row and any options. */
class TokenSamplerPropertyTest {

    private static final int POSITIONS = 40;
    private static final int PIECES = 52;
    private static final TokenGrammars GRAMMARS = new TokenGrammars(
            () -> TokenBytes.load(Path.of("src/test/resources/tokenizers/json.json")), new int[] { PIECES - 1 }, PIECES);

    @Property(tries = 1500, seed = "20240624", edgeCases = EdgeCasesMode.NONE)
    void decidesWhatTheReferenceDecidesFromTheFullLogits(@ForAll("rows") float[] row,
            @ForAll("options") GenerationOptions options, @ForAll @IntRange(min = 1, max = 64) int topK,
            @ForAll long seed) {
        StepResult result = Rows.result(topK, true, row);
        decideAlike(row, result, options, seed);
    }

    @Property(tries = 1500, seed = "20240625", edgeCases = EdgeCasesMode.NONE)
    void decidesWhatTheReferenceDecidesOrAsksForTheLogits(@ForAll("rows") float[] row,
            @ForAll("options") GenerationOptions options, @ForAll @IntRange(min = 1, max = 64) int topK,
            @ForAll long seed) {
        StepResult result = Rows.result(topK, false, row);
        decideAlike(row, result, options, seed);
    }

    private static void decideAlike(float[] row, StepResult result, GenerationOptions options, long seed) {
        TokenSampler sampler = new TokenSampler(options, seed, row.length);
        ReferenceSampler reference = new ReferenceSampler(options);
        Random random = new Random(seed);
        int[] prompt = random.ints(5, 0, row.length).toArray();
        sampler.observePrompt(prompt, 1, 4);
        for (int i = 1; i < 4; i++) {
            reference.observePrompt(prompt[i]);
        }
        for (int position = 0; position < POSITIONS; position++) {
            int expected = reference.sample(row, CounterRandom.u(seed, position));
            int decided = sampler.sample(result, 0, 0, position);
            if (decided != TokenSampler.NEEDS_LOGITS || result.hasLogits(0, 0)) {
                assertThat(decided).isEqualTo(expected);
            }
            sampler.accept(expected);
            reference.accept(expected);
        }
    }

    @Property(tries = 1500, seed = "20240626", edgeCases = EdgeCasesMode.NONE)
    void knowsTheDistributionOfTheReferenceOrAsksForTheLogits(@ForAll("rows") float[] row,
            @ForAll("options") GenerationOptions options, @ForAll @IntRange(min = 1, max = 64) int topK,
            @ForAll boolean hasLogits, @ForAll long seed) {
        Assume.that(!options.greedy());
        StepResult result = Rows.result(topK, hasLogits, row);
        TokenSampler sampler = new TokenSampler(options, seed, row.length);
        int[] drafted = new Random(seed).ints(3, 0, row.length).toArray();
        TokenDistribution distribution = new TokenDistribution();
        // The drafted tokens count as generated, and leave no trace.
        for (int count : new int[] { 0, 3, 0 }) {
            ReferenceSampler reference = new ReferenceSampler(options);
            for (int i = 0; i < count; i++) {
                reference.accept(drafted[i]);
            }
            boolean known = sampler.distribution(result, 0, 0, drafted, count, distribution);
            assertThat(known || !hasLogits).isTrue();
            if (known) {
                double[] expected = new double[row.length];
                reference.distribution(row).forEach(candidate -> expected[candidate.token()] = candidate.probability());
                for (int token = 0; token < row.length; token++) {
                    assertThat(distribution.probability(token)).isCloseTo(expected[token], within(1e-9));
                }
            }
        }
    }

    @Property(tries = 300, seed = "20240627", edgeCases = EdgeCasesMode.NONE)
    void knowsWhatTopKKeepsWithoutTheLogits(@ForAll("rows") float[] row, @ForAll @IntRange(min = 1, max = 64) int topK) {
        GenerationOptions options = GenerationOptions.defaults().withTemperature(0.7).withTopK(topK).withTopP(0.9);
        assertThat(new TokenSampler(options, 1, row.length).distribution(Rows.result(topK, false, row), 0, 0, new int[0], 0,
                new TokenDistribution())).isTrue();
    }

    /** Rows are as wide as a vocabulary of JSON's pieces; every decision is among what the grammar leaves. */
    @Property(tries = 600, seed = "20240626", edgeCases = EdgeCasesMode.NONE)
    void decidesWhatTheReferenceDecidesAmongWhatAGrammarAllows(@ForAll("options") GenerationOptions options,
            @ForAll @IntRange(min = 1, max = 64) int topK, @ForAll boolean hasLogits, @ForAll long seed) {
        Random random = new Random(seed);
        GrammarState state = GRAMMARS.start(ResponseFormat.json());
        TokenSampler sampler = new TokenSampler(options, seed, PIECES, state);
        ReferenceSampler reference = new ReferenceSampler(options);
        for (int position = 0; position < POSITIONS && state != null; position++) {
            float[] row = row(PIECES, 3, random.nextInt(4) == 0, 0, random.nextLong());
            StepResult result = Rows.result(topK, hasLogits, row);
            int expected = reference.sample(row, CounterRandom.u(seed, position), state.allowed()::contains);
            int decided = sampler.sample(result, 0, 0, position);
            if (decided != TokenSampler.NEEDS_LOGITS || hasLogits) {
                assertThat(decided).isEqualTo(expected);
            }
            sampler.accept(expected);
            reference.accept(expected);
            state = state.after(expected);
            assertThat(sampler.state()).isSameAs(state);
        }
    }

    @Provide
    Arbitrary<float[]> rows() {
        Arbitrary<Integer> sizes = Arbitraries.integers().between(1, 300);
        Arbitrary<Double> spreads = Arbitraries.of(0.1, 1.0, 3.0, 8.0);
        Arbitrary<Boolean> tied = Arbitraries.of(false, false, true);
        Arbitrary<Double> masked = Arbitraries.of(0.0, 0.0, 0.3, 0.95);
        return Combinators.combine(sizes, spreads, tied, masked, Arbitraries.longs()).as(TokenSamplerPropertyTest::row);
    }

    private static float[] row(int size, double spread, boolean tied, double masked, long seed) {
        Random random = new Random(seed);
        float[] row = new float[size];
        for (int i = 0; i < size; i++) {
            row[i] = (float) (random.nextGaussian() * spread + 4);
            if (tied) {
                row[i] = Math.round(row[i]);
            }
            if (random.nextDouble() < masked) {
                row[i] = Float.NEGATIVE_INFINITY;
            }
        }
        row[random.nextInt(size)] = 9;
        return row;
    }

    @Provide
    Arbitrary<GenerationOptions> options() {
        Arbitrary<Double> temperatures = Arbitraries.of(0.0, 0.05, 0.5, 0.8, 1.0, 1.0, 1.3, 3.0);
        Arbitrary<Integer> topKs = Arbitraries.of(0, 0, 1, 2, 20, 64, 100, 1000);
        Arbitrary<Double> topPs = Arbitraries.of(1.0, 1.0, 0.01, 0.5, 0.9, 0.999);
        Arbitrary<Double> minPs = Arbitraries.of(0.0, 0.0, 0.001, 0.1, 0.9);
        Arbitrary<double[]> penalties = Arbitraries.of(new double[] { 1, 0, 0 }, new double[] { 1, 0, 0 },
                new double[] { 1.3, 0, 0 }, new double[] { 0.7, 0, 0 }, new double[] { 1, 0.5, 0.25 },
                new double[] { 1.1, 1, 0.1 }, new double[] { 1, -0.5, 0 }, new double[] { 5, 20, 20 });
        return Combinators.combine(temperatures, topKs, topPs, minPs, penalties)
                .as((temperature, topK, topP, minP, p) -> GenerationOptions.defaults().withTemperature(temperature)
                        .withTopK(topK).withTopP(topP).withMinP(minP).withPenalties(p[0], p[1], p[2]));
    }
}
