package io.quarkiverse.eagle.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import org.apache.commons.math3.stat.inference.ChiSquareTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.StepResult;

class TokenSamplerTest {

    private static final GenerationOptions GREEDY = GenerationOptions.defaults();
    private static final GenerationOptions SAMPLING = GREEDY.withTemperature(0.8);

    static Stream<GenerationOptions> optionSets() {
        return Stream.of(SAMPLING.withTemperature(1), SAMPLING, SAMPLING.withTemperature(1.7), SAMPLING.withTopK(5),
                SAMPLING.withTopP(0.7), SAMPLING.withMinP(0.1), SAMPLING.withTopK(30).withTopP(0.95).withMinP(0.02),
                SAMPLING.withPenalties(1.3, 0.2, 0.1));
    }

    static Stream<GenerationOptions> optionSetsUpToTemperatureOne() {
        return optionSets().filter(options -> options.temperature() <= 1);
    }

    @ParameterizedTest
    @MethodSource("optionSets")
    void drawsEveryTokenAsOftenAsTheExactDistributionSays(GenerationOptions options) {
        float[] row = gaussian(40, 1, 1);
        StepResult withLogits = Rows.result(16, true, row);
        TokenSampler sampler = new TokenSampler(options, 99, row.length);
        ReferenceSampler reference = new ReferenceSampler(options);
        sampler.observePrompt(new int[] { 3, 4, 5 }, 0, 3);
        List.of(3, 4, 5).forEach(reference::observePrompt);
        sampler.accept(6);
        reference.accept(6);

        int draws = 40_000;
        long[] counts = new long[row.length];
        for (int position = 0; position < draws; position++) {
            counts[sampler.sample(withLogits, 0, 0, position)]++;
        }

        List<ReferenceSampler.Candidate> exact = reference.distribution(row);
        double[] expected = exact.stream().mapToDouble(c -> c.probability() * draws).toArray();
        long[] observed = exact.stream().mapToLong(c -> counts[c.token()]).toArray();
        assertThat(LongStream.of(observed).sum()).as("only tokens of the exact distribution are drawn").isEqualTo(draws);
        assertThat(new ChiSquareTest().chiSquareTest(expected, observed)).isGreaterThan(0.001);
    }

    @ParameterizedTest
    @MethodSource("optionSetsUpToTemperatureOne")
    void decidesMostDrawsOfAModelLikeRowFromTheTopAlone(GenerationOptions options) {
        float[] row = modelLike(20_000, 2);
        StepResult result = Rows.result(64, false, row);
        TokenSampler sampler = new TokenSampler(options, 5, row.length);
        sampler.accept(6);
        int undecided = 0;
        for (int position = 0; position < 2000; position++) {
            if (sampler.sample(result, 0, 0, position) == TokenSampler.NEEDS_LOGITS) {
                undecided++;
            }
        }
        assertThat(undecided).isLessThan(300);
    }

    @Test
    void decidesGreedilyForTheBestLogitAndTheLowestIdOfATie() {
        float[] row = { 1, 5, 5, -2 };
        TokenSampler sampler = new TokenSampler(GREEDY, 0, 4);
        assertThat(sampler.sample(Rows.result(2, false, row), 0, 0, 0)).isEqualTo(1);
        TokenSampler penalised = new TokenSampler(GREEDY.withPenalties(1.5, 0, 0), 0, 4);
        assertThat(penalised.sample(Rows.result(2, true, row), 0, 0, 0)).isEqualTo(1);
        penalised.observePrompt(new int[] { 1 }, 0, 1);
        assertThat(penalised.sample(Rows.result(2, true, row), 0, 0, 0)).isEqualTo(2);
    }

    @Test
    void asksForTheLogitsWhenAPenaltyMayLiftATokenFromOutsideTheTop() {
        float[] row = { 5, 4.5f, 4.4f, -2 };
        TokenSampler sampler = new TokenSampler(GREEDY.withPenalties(1, 0.4, 0.4), 0, 4);
        assertThat(sampler.sample(Rows.result(2, false, row), 0, 0, 0)).isEqualTo(0);
        sampler.accept(0);
        sampler.accept(1);
        assertThat(sampler.sample(Rows.result(2, false, row), 0, 0, 2)).isEqualTo(TokenSampler.NEEDS_LOGITS);
        assertThat(sampler.sample(Rows.result(2, true, row), 0, 0, 2)).isEqualTo(2);
    }

    @Test
    void countsGeneratedTokensForFrequencyButNotPromptTokens() {
        float[] row = { 5, 4, 0 };
        TokenSampler sampler = new TokenSampler(GREEDY.withPenalties(1, 0, 0.6), 0, 3);
        StepResult result = Rows.result(3, false, row);
        sampler.observePrompt(new int[] { 0, 0, 0, 0 }, 0, 4);
        assertThat(sampler.sample(result, 0, 0, 4)).isEqualTo(0);
        sampler.accept(0);
        assertThat(sampler.sample(result, 0, 0, 5)).isEqualTo(0);
        sampler.accept(0);
        assertThat(sampler.sample(result, 0, 0, 6)).isEqualTo(1);
    }

    @Test
    void readsTheRowOfTheSequenceThatIsAskedFor() {
        StepResult result = Rows.result(2, true, new float[] { 9, 0, 0 }, new float[] { 0, 9, 0 }, new float[] { 0, 0, 9 });
        result.begin(3, 1, 1);
        result.bringAllLogits();
        TokenSampler greedy = new TokenSampler(GREEDY, 0, 3);
        TokenSampler sharp = new TokenSampler(SAMPLING.withTemperature(0.01), 0, 3);
        TokenSampler full = new TokenSampler(GREEDY.withPenalties(0.9, 0, 0), 0, 3);
        for (int b = 0; b < 3; b++) {
            assertThat(greedy.sample(result, b, 0, 0)).isEqualTo(b);
            assertThat(sharp.sample(result, b, 0, 0)).isEqualTo(b);
            assertThat(full.sample(result, b, 0, 0)).isEqualTo(b);
        }
    }

    @Test
    void givesTheSameTextForTheSameSeedAndAnotherForAnother() {
        StepResult result = Rows.result(64, true, gaussian(1000, 1, 3));
        int[] text = text(new TokenSampler(SAMPLING, 1, 1000), result);
        assertThat(text(new TokenSampler(SAMPLING, 1, 1000), result)).isEqualTo(text);
        assertThat(text(new TokenSampler(SAMPLING, 2, 1000), result)).isNotEqualTo(text);
    }

    @Test
    void reportsLogProbabilitiesOfTheTopAndOfTheRestWhenTheLogitsAreThere() {
        float[] row = { 0, 2, 1 };
        double logZ = Math.log(Math.exp(0) + Math.exp(2) + Math.exp(1));
        TokenSampler sampler = new TokenSampler(SAMPLING.withPenalties(2, 1, 1), 0, 3);
        sampler.accept(1);
        assertThat(sampler.logprob(Rows.result(2, false, row), 0, 0, 1)).isCloseTo((float) (2 - logZ), within(1e-6f));
        assertThat(sampler.logprob(Rows.result(2, false, row), 0, 0, 0)).isNaN();
        assertThat(sampler.logprob(Rows.result(2, true, row), 0, 0, 0)).isCloseTo((float) (0 - logZ), within(1e-6f));
    }

    @Test
    void refusesARowWithoutAFiniteBestLogit() {
        StepResult result = Rows.result(2, true, new float[] { 1, 2, 3 });
        result.topLogits().put(0, Float.NaN);
        result.logits().put(1, Float.POSITIVE_INFINITY);
        assertThatThrownBy(() -> new TokenSampler(SAMPLING, 0, 3).sample(result, 0, 0, 0))
                .isInstanceOf(EngineException.class).hasMessageContaining("row 0 of sequence 0 is NaN");
        assertThatThrownBy(() -> new TokenSampler(SAMPLING.withPenalties(0.9, 0, 0), 0, 3).sample(result, 0, 0, 0))
                .isInstanceOf(EngineException.class).hasMessageContaining("Infinity");
    }

    @Test
    void refusesAVocabularyOfAnotherWidthThanTheEngines() {
        StepResult result = Rows.result(2, true, new float[] { 1, 2, 3 });
        assertThatThrownBy(() -> new TokenSampler(SAMPLING.withPenalties(0.9, 0, 0), 0, 4).sample(result, 0, 0, 0))
                .isInstanceOf(EngineException.class).hasMessageContaining("3 wide").hasMessageContaining("made for 4");
        assertThatThrownBy(() -> new TokenSampler(SAMPLING, 0, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void allocatesNothingOnceItsBuffersHaveGrown() {
        float[] row = modelLike(2000, 4);
        StepResult result = Rows.result(64, true, row);
        TokenSampler plain = new TokenSampler(SAMPLING.withTopP(0.95), 1, row.length);
        TokenSampler penalised = new TokenSampler(SAMPLING.withPenalties(0.9, 0.1, 0.1), 1, row.length);
        for (int position = 0; position < 2000; position++) {
            plain.accept(plain.sample(result, 0, 0, position));
            penalised.accept(penalised.sample(result, 0, 0, position));
        }
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int position = 0; position < 2000; position++) {
            plain.accept(plain.sample(result, 0, 0, position));
            penalised.accept(penalised.sample(result, 0, 0, position));
        }
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(2000);
    }

    private static int[] text(TokenSampler sampler, StepResult result) {
        int[] text = new int[50];
        for (int position = 0; position < text.length; position++) {
            text[position] = sampler.sample(result, 0, 0, position);
        }
        return text;
    }

    static float[] gaussian(int size, double spread, long seed) {
        Random random = new Random(seed);
        float[] row = new float[size];
        for (int i = 0; i < size; i++) {
            row[i] = (float) (random.nextGaussian() * spread);
        }
        return row;
    }

    /** Like a language model's row: logits that fall with the logarithm of the rank. */
    static float[] modelLike(int size, long seed) {
        float[] row = gaussian(size, 0.3, seed);
        for (int i = 0; i < size; i++) {
            row[i] += (float) (20 - 1.6 * Math.log(1 + i));
        }
        return row;
    }
}
