package io.quarkiverse.eagle.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** The shipped model with its head: losslessness on every task, and acceptance as an independent implementation has it. */
class SixTaskBenchmarkTest {

    private static final List<Contender> CONTENDERS = List.of(new Contender("adaptive", "eagle2", null),
            new Contender("paper", "eagle2", TreeBudget.PAPER),
            new Contender("small", "eagle2", new TreeBudget(7, 4, 3)));

    private static SpeculativeModel model;

    @BeforeAll
    static void open() {
        Bundle bundle = Bundle.open(DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE));
        model = SpeculativeModel.open(bundle, () -> OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(3, 0, false)),
                new ModelOptions(null, null, 4, Runnable::run));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void greedyOutputEqualsPlainDecodingOnEveryTaskAndThePapersTreeAcceptsWhatItShould() throws IOException {
        BenchReport report = run(GenerationOptions.defaults().withMaxTokens(48));

        assertThat(report.differences()).isZero();
        assertThat(report.runs()).extracting(BenchReport.Run::task).hasSize(6 * (CONTENDERS.size() + 1));
        assertThat(report.runs()).allSatisfy(run -> {
            assertThat(run.times().verifySeconds()).isPositive();
            assertThat(run.times().draftSeconds() > 0).isEqualTo(!run.drafter().equals("none"));
        });
        acceptanceFallsFromDepthToDepthAsOftenAsTreesReachIt(report);
        // The head's card gives 2.0 on the mean of other prompts; a tenth less would be a fault of alignment.
        assertThat(report.totals()).filteredOn(total -> total.drafter().equals("paper")).singleElement()
                .satisfies(total -> assertThat(total.tau()).isGreaterThan(1.9));
    }

    @Test
    void seededSamplingEqualsPlainDecodingOnEveryTask() throws IOException {
        assertThat(run(GenerationOptions.defaults().withMaxTokens(20).withTemperature(0.8)).differences()).isZero();
    }

    @Test
    void generationsThatRunAtOnceEqualPlainDecodingToo() throws IOException {
        BenchReport report = new SixTaskBenchmark(model, CONTENDERS, GenerationOptions.defaults().withMaxTokens(16), 2)
                .run(BenchPrompt.own(2), generation -> {
                });
        assertThat(report.differences()).isZero();
        assertThat(report.concurrency()).isEqualTo(2);
        assertThat(report.runs()).allSatisfy(run -> assertThat(run.prompts()).isEqualTo(2));
    }

    private static void acceptanceFallsFromDepthToDepthAsOftenAsTreesReachIt(BenchReport report) {
        BenchReport.Total paper = report.totals().stream()
                .filter(total -> total.drafter().equals("paper")).findFirst().orElseThrow();
        assertThat(paper.acceptanceByDepth()).hasSizeBetween(5, 6);
        assertThat(paper.acceptanceByDepth()[0]).isBetween(0.3, 1.0);
        double accepted = Arrays.stream(paper.acceptanceByDepth()).sum();
        // Were every tree as deep as it may be, the shares would add up to the tokens that drafting brought; a sure head's trees are
        // not, and the shares are of those that reach a depth.
        assertThat(accepted).isBetween(paper.tau() - 1.05, 1.5 * (paper.tau() - 1));
    }

    private static BenchReport run(GenerationOptions options) throws IOException {
        return new SixTaskBenchmark(model, CONTENDERS, options, 1).run(BenchPrompt.own(1), generation -> {
        });
    }
}
