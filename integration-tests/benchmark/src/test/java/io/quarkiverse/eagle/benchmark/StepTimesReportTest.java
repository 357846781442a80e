package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import ai.onnxruntime.OrtException;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/**
 * Prints how long steps of one sequence take by their rows, beside the matrix products alone, for bundles side by side: each
 * number of rows in turns, a chain behind a context. Only on demand, for it wants a machine of its own.
 */
@EnabledIfSystemProperty(named = "eagle.measure", matches = "true")
class StepTimesReportTest {

    private static final int[] ROWS = { 2, 3, 4, 6, 8, 12, 16, 32, 64 };
    private static final int ROUNDS = Integer.getInteger("eagle.measure.rounds", 12);
    private static final int CONTEXT = Integer.getInteger("eagle.measure.context", 160);
    /** Steps in a row of which the first are not counted. */
    private static final int STEPS = 8;
    private static final int WARM_UP = 2;

    /** Something that runs with so many rows. */
    private interface Step {
        void run(int rows) throws OrtException;
    }

    /** By number of rows, the milliseconds of a kind of step. */
    private static final class Measured {
        private final String name;
        private final Step step;
        private final List<List<Double>> times = new ArrayList<>();

        Measured(String name, Step step) {
            this.name = name;
            this.step = step;
            IntStream.range(0, ROWS.length).forEach(i -> times.add(new ArrayList<>()));
        }

        void run(int which) throws OrtException {
            for (int i = 0; i < STEPS; i++) {
                long began = System.nanoTime();
                step.run(ROWS[which]);
                if (i >= WARM_UP) {
                    times.get(which).add((System.nanoTime() - began) / 1e6);
                }
            }
        }

        String line() {
            return "| " + name + " | " + times.stream()
                    .map(ms -> String.format(Locale.ROOT, "%.2f", ConcurrencyReportTest.at(ms, 0.5)))
                    .collect(Collectors.joining(" | ")) + " |";
        }
    }

    /** Steps of an engine: a chain of tokens behind the context. */
    private static Step steps(Engine engine) {
        int most = ROWS[ROWS.length - 1];
        StepRequest request = new StepRequest(engine.shape(), 1, most, most);
        StepResult result = new StepResult(engine.shape(), most, most);
        return rows -> {
            request.begin(0, 1, rows, 0, rows, rows);
            request.windowStart(0, CONTEXT);
            for (int t = 0; t < rows; t++) {
                request.row(0, t, 1000 + t, CONTEXT + t);
                for (int w = 0; w < t; w++) {
                    request.see(0, t, w);
                }
            }
            Steps.await(engine.step(request, result));
        };
    }

    @Test
    void printsTheTimeOfAStepByItsRows(@TempDir Path files) throws Exception {
        List<AutoCloseable> open = new ArrayList<>();
        try {
            List<Measured> all = new ArrayList<>();
            for (Path folder : bundles()) {
                Bundle bundle = Bundle.open(folder);
                EnginePair engines = OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(1, 0, true));
                open.add(engines);
                MatrixProducts products = new MatrixProducts(Files.createTempDirectory(files, "products"),
                        bundle.manifest().targetGraph());
                open.add(products);
                String name = folder.getFileName().toString();
                all.add(new Measured(name + ", target", steps(engines.target())));
                all.add(new Measured(name + ", its matrix products alone", products::run));
                if (engines.draft() != null) {
                    all.add(new Measured(name + ", draft", steps(engines.draft())));
                }
            }
            List<Measured> turns = new ArrayList<>(all);
            for (int round = 0; round < ROUNDS; round++) {
                for (int which = 0; which < ROWS.length; which++) {
                    Collections.rotate(turns, 1);
                    for (Measured measured : turns) {
                        measured.run(which);
                    }
                }
            }
            System.out.println("| ms, median, behind " + CONTEXT + " rows | "
                    + Arrays.stream(ROWS).mapToObj(Integer::toString).collect(Collectors.joining(" | ")) + " |");
            all.forEach(measured -> System.out.println(measured.line()));
            assertThat(all).allSatisfy(measured -> assertThat(measured.times).allSatisfy(
                    times -> assertThat(times).hasSize(ROUNDS * (STEPS - WARM_UP)).allMatch(ms -> ms > 0)));
        } finally {
            for (AutoCloseable one : open) {
                one.close();
            }
        }
    }

    /** Those that {@code eagle.bundles} names, else the shipped one. */
    private static List<Path> bundles() {
        String named = System.getProperty("eagle.bundles");
        return named == null ? List.of(DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE))
                : Arrays.stream(named.split(",")).map(Path::of).toList();
    }
}
