package io.quarkiverse.eagle.triton.repository;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.google.protobuf.TextFormat;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInput;
import io.quarkiverse.eagle.triton.repository.config.ModelInstanceGroup;

class HostRepositoryTest {

    @TempDir
    private Path folder;
    private Path out;

    @BeforeEach
    void chooseFolder() {
        out = folder.resolve("repository");
    }

    private Bundle bundle(String runtime, String update, boolean drafts) throws IOException {
        Path bundle = Files.createDirectories(folder.resolve("bundle-" + runtime + update + drafts));
        for (String file : List.of("target/model.onnx", "draft/model.onnx", BundleManifest.TOKENIZER)) {
            Files.createDirectories(bundle.resolve(file).getParent());
            Files.writeString(bundle.resolve(file), "what " + file + " holds");
        }
        Bundle.write(bundle, new BundleManifest(BundleManifest.FORMAT_VERSION, "Tiny 1.5B/chat", "made up", null, runtime,
                "fp16",
                update, 128, 4, -1, List.of(), new BundleManifest.Model("llama", 100, 8, 8, 1, 1, 1, 8, 1e-5, 1e4, true),
                graph("target", "target/model.onnx", 64, 100), drafts ? graph("eagle", "draft/model.onnx", 10, 50) : null, null,
                List.of(), Bundle.describe(bundle, List.of("target/model.onnx", "draft/model.onnx", BundleManifest.TOKENIZER)),
                null));
        return Bundle.open(bundle);
    }

    private static BundleManifest.Graph graph(String kind, String file, int topK, int vocabulary) {
        return new BundleManifest.Graph(kind, file, null, 1, 1, 8, "float32", 8, topK, vocabulary, 16, List.of(), List.of());
    }

    private static HostOptions on(HostOptions.Runtime runtime) {
        return new HostOptions(runtime, 3, 2, 5, true, 30, null);
    }

    private ModelConfig config(String model) throws IOException {
        ModelConfig.Builder config = ModelConfig.newBuilder();
        TextFormat.merge(Files.readString(out.resolve(model).resolve("config.pbtxt")), config);
        return config.build();
    }

    @Test
    void writesOneModelPerEngineWithHostAndBundle() throws IOException {
        HostRepository repository = new HostRepository(bundle("onnxruntime", "in-place", true), HostOptions.onCpu());
        repository.write(out);
        assertThat(repository.models()).containsExactly("Tiny_1_5B_chat_target", "Tiny_1_5B_chat_draft");
        for (String model : repository.models()) {
            assertThat(out.resolve(model)).isDirectoryContaining("glob:**config.pbtxt");
            assertThat(out.resolve(model).resolve("1/model.py")).isNotEmptyFile();
            assertThat(out.resolve(model).resolve("1/eagle_host/host.py")).isNotEmptyFile();
        }
        assertThat(Bundle.open(out.resolve("Tiny_1_5B_chat_target/bundle")).manifest().name()).isEqualTo("Tiny 1.5B/chat");
        assertThat(out.resolve("requirements.txt")).isNotEmptyFile();
        assertThat(out.resolve("README.md")).content().contains("Tiny_1_5B_chat_draft", "onnxruntime-cpu");
        try (Stream<Path> beside = Files.list(folder)) {
            assertThat(beside.map(Path::getFileName).map(Path::toString)).noneMatch(name -> name.contains(".part-"));
        }
    }

    @Test
    void bothModelsFindTheOneBundle() throws IOException {
        new HostRepository(bundle("onnxruntime", "in-place", true), HostOptions.onCpu()).write(out);
        for (String model : List.of("Tiny_1_5B_chat_target", "Tiny_1_5B_chat_draft")) {
            Path found = out.resolve(model).resolve("1").resolve(config(model).getParametersOrThrow("bundle").getStringValue());
            assertThat(found.normalize()).isEqualTo(out.resolve("Tiny_1_5B_chat_target/bundle"));
        }
    }

    @Test
    void theConfigurationHasTheSizesOfTheGraphAndThePlaceOfTheInstance() throws IOException {
        new HostRepository(bundle("onnxruntime", "in-place", true), on(HostOptions.Runtime.ONNXRUNTIME_CUDA)).write(out);
        ModelConfig target = config("Tiny_1_5B_chat_target");
        ModelConfig draft = config("Tiny_1_5B_chat_draft");
        assertThat(target.getBackend()).isEqualTo("python");
        assertThat(target.getMaxBatchSize()).isZero();
        assertThat(target.getInstanceGroupList()).containsExactly(ModelInstanceGroup.newBuilder().setCount(1).addGpus(3)
                .setKind(ModelInstanceGroup.Kind.KIND_GPU).build());
        assertThat(target.getInputList()).allMatch(ModelInput::getOptional).extracting(ModelInput::getName)
                .contains("keep_rows", "logits_rows").doesNotContain("features");
        assertThat(draft.getInputList()).extracting(ModelInput::getName).contains("features", "write_offset")
                .doesNotContain("keep_rows");
        assertThat(dims(target, "top_ids")).containsExactly(-1L, -1L, 64L);
        assertThat(dims(draft, "top_ids")).containsExactly(-1L, -1L, 10L);
        assertThat(dims(target, "logits")).containsExactly(-1L, 100L);
        assertThat(draft.getParametersMap())
                .hasEntrySatisfying("role", role -> assertThat(role.getStringValue()).isEqualTo("draft"))
                .hasEntrySatisfying("slots", slots -> assertThat(slots.getStringValue()).isEqualTo("2"))
                .hasEntrySatisfying("spinning", spinning -> assertThat(spinning.getStringValue()).isEqualTo("true"))
                .hasEntrySatisfying("lease_seconds", seconds -> assertThat(seconds.getStringValue()).isEqualTo("30"));
    }

    private static List<Long> dims(ModelConfig config, String output) {
        return config.getOutputList().stream().filter(each -> each.getName().equals(output)).findFirst().orElseThrow()
                .getDimsList();
    }

    @Test
    void aBundleThatTheServerHasIsNamedAndNotCopied() throws IOException {
        new HostRepository(bundle("onnxruntime", "in-place", false),
                new HostOptions(HostOptions.Runtime.ONNXRUNTIME_CPU, 0, 0, 0,
                        false, 60, Path.of("/models/tiny")))
                .write(out);
        assertThat(config("Tiny_1_5B_chat_target").getParametersOrThrow("bundle").getStringValue()).isEqualTo("/models/tiny");
        assertThat(out.resolve("Tiny_1_5B_chat_target/bundle")).doesNotExist();
        assertThat(out.resolve("Tiny_1_5B_chat_draft")).doesNotExist();
    }

    @Test
    void bundlesThatDoNotFitAreRefusedWithTheWayToBuildOne() throws IOException {
        assertRefused(bundle("onnxruntime", "functional", false), HostOptions.Runtime.ONNXRUNTIME_CPU, "--update in-place");
        assertRefused(bundle("tensorrt", "in-place", false), HostOptions.Runtime.ONNXRUNTIME_CPU, "--for onnxruntime");
        assertRefused(bundle("onnxruntime", "in-place", false), HostOptions.Runtime.TENSORRT, "--for tensorrt");
    }

    private static void assertRefused(Bundle bundle, HostOptions.Runtime runtime, String remedy) {
        assertThatThrownBy(() -> new HostRepository(bundle, on(runtime))).isInstanceOf(RepositoryException.class)
                .hasMessageContaining(remedy);
    }

    @Test
    void aFolderWithSomethingInItIsLeftAlone() throws IOException {
        Files.createDirectories(out);
        Files.writeString(out.resolve("precious"), "mine");
        HostRepository repository = new HostRepository(bundle("onnxruntime", "in-place", false), HostOptions.onCpu());
        assertThatThrownBy(() -> repository.write(out)).isInstanceOf(RepositoryException.class)
                .hasMessageContaining("exists already");
        assertThat(out).isDirectoryContaining("glob:**precious");
    }
}
