package io.quarkiverse.eagle.benchmark;

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

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenSampler;

/** One token from a row's top 64. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgs = { "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC" })
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
public class SamplerBenchmark {

    @Param
    public Decoding decoding;

    private StepResult rows;
    private TokenSampler sampler;
    private int turn;

    @Setup
    public void prepare() {
        rows = RecordedCycle.several(1)[0].target();
        sampler = decoding.sampler();
        for (int row = 0; row < rows.outputs(); row++) {
            sampler.observePrompt(new int[] { rows.topId(0, row, 1) }, 0, 1);
        }
    }

    @Benchmark
    public int sample() {
        turn = (turn + 1) % rows.outputs();
        return sampler.sample(rows, 0, turn, turn);
    }
}
