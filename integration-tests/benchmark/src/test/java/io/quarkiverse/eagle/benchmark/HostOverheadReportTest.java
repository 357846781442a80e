package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

class HostOverheadReportTest {

    private static HostOverheadReport report;

    /** One short iteration, in this process: the figures mean nothing. */
    @BeforeAll
    static void measureForAMoment() throws RunnerException {
        Collection<RunResult> results = new Runner(new OptionsBuilder().include("SamplerBenchmark.sample")
                .addProfiler(GCProfiler.class).forks(0).warmupIterations(0).measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(10)).verbosity(VerboseMode.SILENT).shouldFailOnError(true).build())
                .run();
        report = new HostOverheadReport(results);
    }

    @Test
    void theJsonIsJmhsWithoutWhatTellsOfTheMachinesFolders() throws Exception {
        JsonNode results = new ObjectMapper().readTree(report.json());
        assertThat(results).hasSize(Decoding.values().length).allSatisfy(result -> {
            assertThat(result.path("benchmark").asText()).isEqualTo(SamplerBenchmark.class.getName() + ".sample");
            assertThat(result.path("primaryMetric").path("score").asDouble()).isPositive();
            assertThat(result.path("secondaryMetrics").has("gc.alloc.rate.norm")).isTrue();
        });
        assertThat(report.json()).doesNotContain(System.getProperty("java.home"), System.getProperty("user.dir"));
    }

    @Test
    void theTableHasARowPerMeasurement() throws Exception {
        assertThat(report.markdown()).contains("CPU: ").contains("Java " + System.getProperty("java.version"))
                .contains("| SamplerBenchmark.sample | greedy |", "| SamplerBenchmark.sample | sampled |",
                        "| SamplerBenchmark.sample | penalised |")
                .doesNotContain(System.getProperty("java.home"), System.getProperty("user.dir"));
    }
}
