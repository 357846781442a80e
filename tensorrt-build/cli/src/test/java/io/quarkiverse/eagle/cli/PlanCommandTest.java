package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;

class PlanCommandTest {

    @TempDir
    private Path folder;

    @Test
    void saysWhatIsMissingAndHowToBuildInAContainer() throws IOException {
        assumeFalse(Files.exists(Path.of("/dev/nvidiactl")), "this machine has a GPU");
        CommandRun run = eagle("plan", bundle("tensorrt").toString(), "--out", folder.resolve("planned").toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).containsAnyOf("TensorRT cannot be loaded (", "there is no GPU").contains("--print-command")
                .hasLineCount(1);
        assertThat(folder.resolve("planned")).doesNotExist();
    }

    @Test
    void printsTheCommandForTheServersContainer() throws IOException {
        CommandRun run = eagle("plan", bundle("tensorrt").toString(), "--out", folder.resolve("planned").toString(),
                "--print-command", "--image", "triton:mine", "--optimisation-level", "4");
        assertThat(run.status()).isZero();
        assertThat(run.out()).hasLineCount(1).startsWith("docker run --rm --gpus all").contains(" triton:mine ")
                .contains("plan /bundle --out /plans/planned --optimisation-level 4");
    }

    @Test
    void refusesGraphsThatAreMadeForACpu() throws IOException {
        CommandRun run = eagle("plan", bundle("onnxruntime").toString(), "--out", folder.resolve("planned").toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("is made for onnxruntime", "--for tensorrt").hasLineCount(1);
    }

    @Test
    void estimatesAKnownModelAsJson() {
        JsonNode plain = eagle("plan", "--estimate", "--gpu", "a100", "--like", "llama2-7b", "--slots", "1", "--json").json();
        assertThat(plain.get("estimate").booleanValue()).isTrue();
        assertThat(plain.get("fits").booleanValue()).isTrue();
        assertThat(plain.get("bytes").get("weights").doubleValue()).isBetween(13e9, 15e9);
        assertThat(plain.get("speedups")).hasSize(4);
        JsonNode small = eagle("plan", "--estimate", "--gpu", "rtx3060", "--like", "llama2-7b", "--tau", "4.5", "--json")
                .json();
        assertThat(small.get("fits").booleanValue()).isFalse();
        assertThat(small.get("plain_tokens_per_second").doubleValue())
                .isLessThan(plain.get("plain_tokens_per_second").doubleValue() / 5);
    }

    @Test
    void estimatesABundleForPeople() throws IOException {
        CommandRun run = eagle("plan", bundle("tensorrt").toString(), "--estimate", "--gpu", "l4", "--tau", "3");
        assertThat(run.status()).isZero();
        assertThat(run.out()).contains("Estimate, not a measurement: NVIDIA L4", "2 slots of 64 tokens", "fits", "τ 3.0");
    }

    @ParameterizedTest(name = "eagle plan {0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            " | name the bundle",
            "bundle | --out is missing",
            "bundle --out x --hardware cray | \"cray\" is not one of same-gpu, same-compute-capability, ampere-plus",
            "bundle --out x --profiles some | \"some\" is not one of covering, each",
            "bundle --out x --optimisation-level 6 | optimisation level is 6",
            "--estimate --like llama2-7b | --gpu",
            "--estimate --gpu voodoo --like llama2-7b | \"voodoo\" is not one of h100",
            "--estimate --gpu h100 | give one of them",
            "--estimate --gpu h100 --like eliza | \"eliza\" is not one of llama2-7b",
            "--estimate --gpu h100 --like llama2-7b --weight-bits 3 | weight bits are 3",
            "--estimate --gpu a100 --like llama2-7b --weight-bits 8 | cannot multiply 8-bit floating-point numbers",
            "--estimate --gpu h100 --like llama2-7b --tau 0.5 | --tau is 0.5",
            "--estimate --gpu h100 --like llama2-7b --gpus 0 | there are 0 GPUs",
    })
    void saysInOneSentenceWhatIsWrongWithACall(String line, String sentence) {
        CommandRun run = eagle((line == null ? "plan" : "plan " + line).split(" "));
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("eagle: ").contains(sentence).hasLineCount(1);
    }

    private Path bundle(String runtime) throws IOException {
        Path bundle = folder.resolve("bundle");
        List<String> files = List.of("tokenizer.json", "target/model.onnx");
        for (String file : files) {
            Files.createDirectories(bundle.resolve(file).getParent());
            Files.writeString(bundle.resolve(file), "{}");
        }
        Bundle.write(bundle, new BundleManifest(BundleManifest.FORMAT_VERSION, "Tiny", "made up", null, runtime, "fp16",
                "in-place", 64, 2, 1, List.of(2),
                new BundleManifest.Model("llama", 1000, 48, 96, 2, 3, 3, 16, 1e-5, 10000, true),
                new BundleManifest.Graph("target", "target/model.onnx", null, 2, 3, 16, "float16", 48, 64, 1000, 128, null,
                        null),
                null, null, null, Bundle.describe(bundle, files), null));
        return bundle;
    }
}
