package io.quarkiverse.eagle.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;

import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** Runs the benchmarks with JMH's allocation profiler and writes what they measured. */
public final class HostOverhead {

    private HostOverhead() {
    }

    /** @param arguments the folder for the documents, which are overwritten */
    public static void main(String[] arguments) throws RunnerException, IOException {
        if (arguments.length != 1) {
            throw new IllegalArgumentException("got " + arguments.length + " arguments; give the folder for the documents");
        }
        Options options = new OptionsBuilder()
                .include(TreeCycleBenchmark.class.getSimpleName())
                .include(SamplerBenchmark.class.getSimpleName())
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .build();
        Collection<RunResult> results = new Runner(options).run();
        Path folder = Files.createDirectories(Path.of(arguments[0]));
        HostOverheadReport report = new HostOverheadReport(results);
        Files.writeString(folder.resolve("host-overhead.json"), report.json());
        Files.writeString(folder.resolve("host-overhead.md"), report.markdown());
    }
}
