package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.cli.bench.Processor;

class DoctorCommandTest {

    @Test
    void examinesMachineAndModel() {
        CommandRun run = eagle("doctor", "--model", CommandRun.defaultBundle().toString(), "--json");
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        List<String> names = new ArrayList<>();
        for (JsonNode check : run.json().get("checks")) {
            names.add(check.get("name").textValue());
            assertThat(check.get("state").textValue()).isIn("ok", "warning", "problem");
            assertThat(check.get("detail").textValue()).isNotBlank();
            assertThat(check.has("advice")).isTrue();
        }
        assertThat(names).containsExactly("java", "processor", "cores", "memory", "gpu", "docker", "cache", "network",
                "bundle", "onnxruntime", "integer kernels", "engines", "decoding", "cost", "drafting");
    }

    @Test
    void failsWhenTheBundleIsNone(@TempDir Path folder) {
        CommandRun run = eagle("doctor", "--model", folder.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).contains("problem bundle").contains("is no engine bundle");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void namesNetworkSettingsButNeverTheirValues() {
        List<Check> checks = new ArrayList<>();
        NetworkChecks.run(Map.of("HTTPS_PROXY", "http://user:secret@proxy:3128", "HF_TOKEN", "hf_secret", "http_proxy", " "),
                checks::add);
        assertThat(checks).singleElement().satisfies(check -> {
            assertThat(check.detail()).contains("HTTPS_PROXY", "HF_TOKEN").doesNotContain("http_proxy");
            assertThat(check.toString()).doesNotContain("secret");
        });
    }

    @Test
    void warnsOfAProcessorWithoutWideVectors() {
        assertThat(MachineChecks
                .processor("Linux amd64", Processor.parse(List.of("model name\t: Old", "flags\t\t: fpu sse2 sse2"))).state())
                .isEqualTo(Check.State.WARNING);
        assertThat(MachineChecks.processor("Linux amd64", Processor.parse(List.of("flags\t\t: fpu avx2 avx512_vnni"))))
                .satisfies(check -> {
                    assertThat(check.state()).isEqualTo(Check.State.OK);
                    assertThat(check.detail()).contains("avx2 avx512_vnni");
                });
        assertThat(MachineChecks.processor("Linux aarch64", Processor.parse(List.of("Features\t: asimd"))).state())
                .isEqualTo(Check.State.OK);
    }

    @Test
    void findsACacheFolderThatCannotBeMade(@TempDir Path folder) throws Exception {
        Path file = java.nio.file.Files.createFile(folder.resolve("file"));
        assertThat(CacheChecks.examine(file.resolve("cache")).state()).isEqualTo(Check.State.PROBLEM);
        assertThat(CacheChecks.examine(folder.resolve("a/b")).detail()).contains("MiB free");
    }
}
