package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkiverse.eagle.benchmark.LoadSimulation.Point;
import io.quarkiverse.eagle.benchmark.LoadSimulation.Way;

/** What the adaptive budget does under load, on machines that are simulated. */
class LoadReportTest {

    private static final List<Integer> STREAMS = List.of(1, 2, 4, 8, 16, 32, 64, 128, 256);
    /** The loss that the economy allows itself, and what counting a few thousand tokens leaves uncertain. */
    private static final double LEAST = 0.97;

    static Stream<SimulatedMachine> machines() {
        return Stream.of(SimulatedMachine.h100(), SimulatedMachine.cpu());
    }

    @ParameterizedTest
    @MethodSource("machines")
    void neverLosesMoreThanThreePercentAgainstPlainDecodingAndVerifiesFewerNodesAsStepsFill(SimulatedMachine machine) {
        double nodes = Double.MAX_VALUE;
        for (int streams : new int[] { 1, 8, 64 }) {
            int tokens = Math.max(3_000, 300 * streams);
            Point plain = LoadSimulation.run(machine, Way.PLAIN, streams, tokens);
            Point adaptive = LoadSimulation.run(machine, Way.ADAPTIVE, streams, tokens);
            assertThat(adaptive.tokensPerSecond() / plain.tokensPerSecond()).as(streams + " streams").isGreaterThan(LEAST);
            assertThat(adaptive.nodes()).as(streams + " streams").isLessThanOrEqualTo(nodes);
            nodes = adaptive.nodes();
        }
    }

    @Test
    void tellsThatItIsASimulation() throws IOException {
        SimulatedMachine machine = SimulatedMachine.cpu();
        List<Point> points = new ArrayList<>();
        for (Way way : Way.values()) {
            points.add(LoadSimulation.run(machine, way, 2, 1_000));
        }
        LoadReport report = new LoadReport(List.of(machine), points);
        assertThat(report.json()).contains("\"simulation\" : true", "\"tokens_per_second\"");
        assertThat(report.markdown()).contains("A simulation, not a measurement", "| 2 | eagle2, adaptive |");
        assertThat(report.html()).contains("A simulation, not a measurement", "<svg");
    }

    @Test
    @EnabledIfSystemProperty(named = "eagle.measure", matches = "true")
    void writesTheReport() throws IOException {
        List<Point> points = new ArrayList<>();
        for (SimulatedMachine machine : machines().toList()) {
            for (int streams : STREAMS) {
                for (Way way : Way.values()) {
                    points.add(LoadSimulation.run(machine, way, streams, Math.max(20_000, 400 * streams)));
                }
            }
        }
        LoadReport report = new LoadReport(machines().toList(), points);
        Path folder = Path.of("../../docs/benchmarks");
        Files.writeString(folder.resolve("load.json"), report.json());
        Files.writeString(folder.resolve("load.md"), report.markdown());
        Files.writeString(folder.resolve("load.html"), report.html());
        assertThat(points).filteredOn(point -> point.way().equals(Way.ADAPTIVE.title())).allSatisfy(
                point -> assertThat(report.againstPlain(point)).as(point.toString()).isGreaterThan(LEAST));
    }
}
