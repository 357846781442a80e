package io.quarkiverse.eagle.benchmark;

import java.util.List;
import java.util.concurrent.TimeUnit;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.tree.TreeVerifier;

/**
 * One draft-verify cycle of one sequence on the host: a tree of 60 nodes out of 510 candidates (top 10, depth 6), by parts and
 * as a whole. Several recorded cycles take turns, so that no branch is learnt by heart.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgs = { "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC" })
@Warmup(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
public class TreeCycleBenchmark {

    /** The cycles that take turns. */
    @State(Scope.Thread)
    public static class Cycles {

        final RecordedCycle[] recorded = RecordedCycle.several(16);
        final DraftVerifyCycle host = new DraftVerifyCycle();
        final DraftTree tree = new DraftTree();
        private int turn;

        RecordedCycle next() {
            RecordedCycle cycle = recorded[turn];
            turn = (turn + 1) % recorded.length;
            return cycle;
        }

        /** Leaves behind what a cycle finds: tokens to extend over and rows to keep. */
        @Setup
        public void runTheCycleBefore() {
            RecordedCycle before = recorded[0];
            host.verify(before.tree(), before.target(), before.length(), Decoding.GREEDY.sampler());
        }
    }

    /** How tokens are chosen. */
    @State(Scope.Thread)
    public static class Choosing {

        @Param({ "GREEDY", "SAMPLED" })
        public Decoding decoding;

        TokenSampler sampler;

        @Setup
        public void makeSampler() {
            sampler = decoding.sampler();
        }
    }

    /** Costs like those of a large model on a GPU, where wide and deep trees pay. */
    @State(Scope.Thread)
    public static class Economy {

        private static final int[] ROWS = { 2, 3, 4, 6, 8, 12, 16, 32, 64 };

        final SpeculationEconomy economy = new SpeculationEconomy(
                new CostCurve(ROWS, new double[] { 20e-3, 20e-3, 20e-3, 20.1e-3, 20.1e-3, 20.2e-3, 20.3e-3, 20.6e-3, 21e-3 }),
                new CostCurve(ROWS, new double[] { 4e-4, 4e-4, 4e-4, 4e-4, 4.1e-4, 4.2e-4, 4.3e-4, 4.6e-4, 5e-4 }), List.of());
    }

    @Benchmark
    public DraftTree build(Cycles cycles) {
        RecordedCycle cycle = cycles.next();
        cycles.host.build(cycle.draft(), cycle.length(), cycles.tree);
        return cycles.tree;
    }

    @Benchmark
    public DraftTree buildAdaptively(Cycles cycles, Economy costs) {
        RecordedCycle cycle = cycles.next();
        cycles.host.buildAdaptively(cycle.draft(), cycle.length(), costs.economy, 0, cycles.tree);
        return cycles.tree;
    }

    @Benchmark
    public StepRequest writeRows(Cycles cycles) {
        RecordedCycle cycle = cycles.next();
        return cycles.host.writeRows(cycle.tree(), cycle.length(), cycle.rootToken());
    }

    @Benchmark
    public TreeVerifier verify(Cycles cycles, Choosing choosing) {
        RecordedCycle cycle = cycles.next();
        return cycles.host.verify(cycle.tree(), cycle.target(), cycle.length(), choosing.sampler);
    }

    @Benchmark
    public TreeVerifier wholeCycle(Cycles cycles, Choosing choosing) {
        RecordedCycle cycle = cycles.next();
        cycles.host.build(cycle.draft(), cycle.length(), cycles.tree);
        cycles.host.writeRows(cycles.tree, cycle.length(), cycle.rootToken());
        return cycles.host.verify(cycles.tree, cycle.target(), cycle.length(), choosing.sampler);
    }
}
