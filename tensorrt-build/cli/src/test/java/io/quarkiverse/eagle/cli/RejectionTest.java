package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.cli.bench.BenchPrompt;
import io.quarkiverse.eagle.cli.bench.BenchReport;
import io.quarkiverse.eagle.cli.bench.Contender;
import io.quarkiverse.eagle.cli.bench.SixTaskBenchmark;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** The papers' rule of acceptance over the default model and the shipped draft language model. */
class RejectionTest {

    private static final Path DRAFT_LM = Path.of("../../triton-models/heads/smollm2-135m-instruct-draft-lm");
    private static final List<String> QUESTIONS = List.of("Why is the sky blue?", "Name three rivers.");
    private static final CycleListener NOBODY = (root, tree, accepted, emitted, count) -> {
    };
    private static final GenerationOptions GREEDY = GenerationOptions.defaults().withDrafter("speculative")
            .withAcceptance(Acceptance.REJECTION).withMaxTokens(40);
    private static final GenerationOptions SAMPLED = GREEDY.withTemperature(0.8).withTopK(50).withSeed(5L);

    @TempDir
    private static Path folder;

    private static SpeculativeModel model;

    @BeforeAll
    static void buildTheDraftModelAndOpenBoth() {
        Bundle target = Bundle.openUnverified(CommandRun.defaultBundle());
        CommandRun run = eagle("build", "--checkpoint", DRAFT_LM.toString(), "--out", draftModel(), "--slots", "1",
                "--max-length", "512");
        assertThat(run.status()).as(run.err()).isZero();
        OnnxRuntimeOptions engines = new OnnxRuntimeOptions(1, 0, true);
        model = SpeculativeModel.open(target, () -> OnnxRuntimeEngines.withDraftModel(target,
                OnnxRuntimeEngines.open(target, engines), Bundle.open(Path.of(draftModel())), engines),
                new ModelOptions(null, null, 4, Runnable::run));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static String draftModel() {
        return folder.resolve("draft-lm").toString();
    }

    private static List<Integer> ids(String question, GenerationOptions options, CycleListener listener) {
        return Arrays.stream(model.stream(GenerationRequest.chat(question).with(options), listener).collect().last().await()
                .indefinitely().result().tokenIds()).boxed().toList();
    }

    @Test
    void aSeedRepeatsItsTextWhichIsNotPlainDecodings() {
        for (String question : QUESTIONS) {
            List<Integer> first = ids(question, SAMPLED, NOBODY);
            List<Integer> plain = ids(question, SAMPLED.withAcceptance(null).withDrafter("none"), NOBODY);
            assertThat(ids(question, SAMPLED, NOBODY)).isEqualTo(first).isNotEqualTo(plain);
            assertThat(ids(question, SAMPLED.withAcceptance(Acceptance.COUPLED), NOBODY)).isEqualTo(plain);
        }
    }

    @Test
    void theCommandLineAsksForTheSame() {
        CommandRun run = eagle("chat", "--json", "--draft-model", draftModel(), "--drafter", "speculative", "--acceptance",
                "rejection", "--temperature", "0.8", "--top-k", "50", "--seed", "5", "--max-tokens", "40", QUESTIONS.get(0));
        assertThat(run.json().get("token_ids"))
                .hasToString(ids(QUESTIONS.get(0), SAMPLED, NOBODY).toString().replace(" ", ""));
    }

    @Test
    void greedyTextIsPlainDecodings() {
        for (String question : QUESTIONS) {
            assertThat(ids(question, GREEDY, NOBODY))
                    .isEqualTo(ids(question, GREEDY.withAcceptance(null).withDrafter("none"), NOBODY));
        }
    }

    /** The draft model agrees with the target's first choice in a fifth of the places; distributions overlap more. */
    @Test
    void aSensibleShareOfTheDraftedTokensIsAccepted() {
        AtomicInteger visited = new AtomicInteger();
        AtomicInteger accepted = new AtomicInteger();
        CycleListener counts = (root, tree, nodes, emitted, count) -> {
            visited.addAndGet(Math.min(count, tree.size()));
            accepted.addAndGet(count - 1);
        };
        for (long seed = 0; seed < 4; seed++) {
            ids(QUESTIONS.get(0), SAMPLED.withSeed(seed), counts);
        }
        assertThat(visited).hasValueGreaterThan(60);
        assertThat(accepted.get() / (double) visited.get()).isBetween(0.15, 0.7);
    }

    @Test
    void aBenchmarkDoesNotCompareItsTextsWithPlainDecodings() throws IOException {
        List<Contender> contenders = List.of(new Contender("speculative", "speculative", null),
                new Contender("pld", "pld", null));
        BenchReport report = new SixTaskBenchmark(model, contenders, SAMPLED.withMaxTokens(6), 1)
                .run(BenchPrompt.own(1).subList(0, 2), generation -> {
                });
        assertThat(report.differences()).isZero();
        assertThat(report.notCompared()).containsExactly("speculative");
        assertThat(report.equality()).startsWith("Every output equals plain decoding's").contains("Not compared: speculative");
    }
}
