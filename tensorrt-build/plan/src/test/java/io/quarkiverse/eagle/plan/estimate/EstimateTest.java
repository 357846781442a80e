package io.quarkiverse.eagle.plan.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EstimateTest {

    /** The models' published numbers of parameters. */
    @ParameterizedTest
    @CsvSource({ "llama2-7b, 6.74e9", "llama2-13b, 13.02e9", "llama3-8b, 8.03e9", "qwen2-7b, 7.62e9",
            "smollm2-135m, 0.1345e9" })
    void countsTheParametersThatTheModelsAreKnownToHave(String name, double parameters) {
        Workload workload = Workload.of(KnownModel.of(name).model(), 16, 1, 2048);
        assertThat((double) workload.targetParameters()).isCloseTo(parameters, within(parameters * 0.005));
    }

    @Test
    void aLoneRowTakesAsLongAsReadingTheWeightsAndTheCache() {
        Workload workload = Workload.of(KnownModel.LLAMA2_7B.model(), 16, 1, 2048);
        double bytes = 6.607e9 * 2 + 1024 * 32 * 2 * 2 * 4096;
        assertThat(new Estimate(workload, Gpu.A100, 1).targetStep(1)).isCloseTo(bytes / (2039e9 * 0.8) + 100e-6, within(1e-5));
    }

    @Test
    void thePoolHoldsAllRowsOfAllSlotsTwiceForFunctionalGraphs() {
        Workload workload = Workload.of(KnownModel.LLAMA3_8B.model(), 16, 8, 4096);
        double expected = 8.0 * (4096 + 256) * 33 * 2 * 2 * 8 * 128;
        assertThat(new Estimate(workload, Gpu.H100, 1).pool()).isEqualTo(expected);
        Workload functional = new Workload(workload.model(), 16, 8, 4096, 1024, 128256, 128, true);
        assertThat(new Estimate(functional, Gpu.H100, 1).pool()).isEqualTo(2 * expected);
    }

    @Test
    void moreRowsCostNothingUntilTheSumsTakeLongerThanTheReads() {
        Estimate a100 = new Estimate(Workload.of(KnownModel.LLAMA2_7B.model(), 16, 1, 2048), Gpu.A100, 1);
        assertThat(a100.targetStep(61)).isEqualTo(a100.targetStep(1));
        assertThat(a100.targetStep(128)).isGreaterThan(a100.targetStep(61));
    }

    /** LLaMA 3 8B: 6.98e9 weights in layers, two tables of 128256 by 4096; with scales and offsets int4 takes 4.25 bits. */
    @ParameterizedTest
    @CsvSource({ "16, 2", "8, 1", "4, 0.53125" })
    void onlyTheWeightsOfTheTargetsLayersAreQuantised(int bits, double bytes) {
        Workload workload = Workload.of(KnownModel.LLAMA3_8B.model(), bits, 1, 2048);
        double layers = 32 * (4096.0 * 128 * 80 + 3 * 4096.0 * 14336);
        double table = 2.0 * 128256 * 4096;
        assertThat(workload.targetBytes()).isEqualTo(layers * bytes + 2 * table);
        double cache = 1024 * 32 * 2 * 2 * 8 * 128;
        assertThat(new Estimate(workload, Gpu.L4, 1).targetStep(1))
                .isCloseTo((layers * bytes + table + cache) / (300e9 * 0.8) + 100e-6, within(1e-9));
    }

    @Test
    void gpusBeforeAdaHaveNoEightBitFloats() {
        Workload workload = Workload.of(KnownModel.LLAMA3_8B.model(), 8, 1, 2048);
        assertThatThrownBy(() -> new Estimate(workload, Gpu.A100, 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("A100", "8-bit floating-point", "16 or 4 bits");
    }

    /** 13.5 GB of weights do not go into 12 GB, and two cards that take turns have the bandwidth of one. */
    @Test
    void anRtx3060WithEagle2DoesNotOutrunAnA100WithoutAtTheSameShareOfTheirPeaks() {
        Workload workload = Workload.of(KnownModel.LLAMA2_7B.model(), 16, 1, 2048);
        Estimate a100 = new Estimate(workload, Gpu.A100, 1);
        assertThat(new Estimate(workload, Gpu.RTX3060, 1).fits()).isFalse();
        Estimate two = new Estimate(workload, Gpu.RTX3060, 2);
        assertThat(two.fits()).isTrue();
        assertThat(two.plainTokensPerSecond()).isEqualTo(new Estimate(workload, Gpu.RTX3060, 1).plainTokensPerSecond());
        assertThat(two.tokensPerSecond(4.5)).isLessThan(a100.plainTokensPerSecond() / 2);
    }
}
