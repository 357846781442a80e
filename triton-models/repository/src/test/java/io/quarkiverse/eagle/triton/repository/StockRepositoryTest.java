package io.quarkiverse.eagle.triton.repository;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.google.protobuf.TextFormat;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.triton.repository.config.DataType;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInstanceGroup;
import io.quarkiverse.eagle.triton.repository.config.ModelOutput;
import io.quarkiverse.eagle.triton.repository.config.ModelSequenceBatching;

class StockRepositoryTest {

    @TempDir
    private Path folder;

    private Bundle bundle(String runtime, String update, String kvType, boolean plans) throws IOException {
        Path bundle = Files.createDirectories(folder.resolve("bundle-" + runtime + update));
        List<String> files = new ArrayList<>(List.of("target/model.onnx", "target/weights.bin", "draft/model.onnx",
                "draft/weights.bin", BundleManifest.TOKENIZER));
        if (plans) {
            files.addAll(List.of("target/model.plan", "draft/model.plan"));
        }
        for (String file : files) {
            Files.createDirectories(bundle.resolve(file).getParent());
            Files.writeString(bundle.resolve(file), "what " + file + " holds");
        }
        Bundle.write(bundle, new BundleManifest(BundleManifest.FORMAT_VERSION, "tiny", "made up", null, runtime, "fp16", update,
                128, 4, -1, List.of(), new BundleManifest.Model("llama", 100, 8, 8, 1, 1, 1, 8, 1e-5, 1e4, true),
                graph("target", "target/model.onnx", kvType, 2), graph("eagle", "draft/model.onnx", kvType, 1), null,
                List.of(), Bundle.describe(bundle, files), null));
        return Bundle.open(bundle);
    }

    private static BundleManifest.Graph graph(String kind, String file, String kvType, int layers) {
        return new BundleManifest.Graph(kind, file, null, layers, 3, 8, kvType, 8, 10, 100, 16, List.of(), List.of());
    }

    private ModelConfig written(StockRepository repository, String model) throws IOException {
        Path out = folder.resolve("repository");
        if (!Files.exists(out)) {
            repository.write(out);
        }
        ModelConfig.Builder config = ModelConfig.newBuilder();
        TextFormat.merge(Files.readString(out.resolve(model).resolve("config.pbtxt")), config);
        return config.build();
    }

    @Test
    void aGraphLiesInItsVersionWithItsWeightsAndItsLimits() throws IOException {
        StockRepository repository = new StockRepository(bundle("onnxruntime", "functional", "float32", false),
                StockRepository.Backend.ONNX, -1);
        ModelConfig target = written(repository, "tiny_target");
        assertThat(target.getBackend()).isEqualTo("onnxruntime");
        assertThat(target.getInstanceGroup(0).getKind()).isEqualTo(ModelInstanceGroup.Kind.KIND_CPU);
        Path model = folder.resolve("repository/tiny_target");
        assertThat(model.resolve("1/" + target.getDefaultModelFilename())).content().isEqualTo("what target/model.onnx holds");
        assertThat(model.resolve("1/weights.bin")).content().isEqualTo("what target/weights.bin holds");
        assertThat(model.resolve("config.pbtxt")).content().startsWith("# Implicit state");
        assertThat(folder.resolve("repository/README.md")).content().contains("tiny_draft", "Set no deadline");
    }

    @Test
    void thePoolIsTheStateOfOneSequence() throws IOException {
        StockRepository repository = new StockRepository(bundle("tensorrt", "functional", "float16", true),
                StockRepository.Backend.PLAN, 1);
        ModelSequenceBatching pool = written(repository, "tiny_target").getSequenceBatching();
        assertThat(pool.getStateList()).extracting(ModelSequenceBatching.State::getInputName).containsExactly("past_k_0",
                "past_v_0", "past_k_1", "past_v_1");
        assertThat(pool.getStateList()).extracting(ModelSequenceBatching.State::getOutputName).containsExactly("present_k_0",
                "present_v_0", "present_k_1", "present_v_1");
        assertThat(pool.getState(0).getDataType()).isEqualTo(DataType.TYPE_FP16);
        assertThat(pool.getState(0).getDimsList()).containsExactly(4L, 3L, 160L, 8L);
        assertThat(pool.getState(0).getInitialState(0).getZeroData()).isTrue();
        ModelConfig draft = written(repository, "tiny_draft");
        assertThat(draft.getOutputList()).extracting(ModelOutput::getName).contains("features_out").doesNotContain("log_z");
        assertThat(draft.getInstanceGroup(0).getGpusList()).containsExactly(1);
        assertThat(folder.resolve("repository/tiny_draft/1/model.plan")).content().isEqualTo("what draft/model.plan holds");
        assertThat(folder.resolve("repository/tiny_draft/1/weights.bin")).doesNotExist();
    }

    @Test
    void bundlesThatDoNotFitAreRefusedWithTheWayToBuildOne() throws IOException {
        assertRefused(bundle("onnxruntime", "in-place", "float32", false), StockRepository.Backend.ONNX, -1,
                "--update functional");
        assertRefused(bundle("onnxruntime", "functional", "float32", false), StockRepository.Backend.PLAN, 0,
                "--for tensorrt");
        Bundle withoutPlans = bundle("tensorrt", "functional", "float16", false);
        assertRefused(withoutPlans, StockRepository.Backend.ONNX, -1, "--for onnxruntime");
        assertRefused(withoutPlans, StockRepository.Backend.PLAN, 0, "eagle plan");
        assertRefused(withoutPlans, StockRepository.Backend.PLAN, -1, "--gpu");
    }

    private static void assertRefused(Bundle bundle, StockRepository.Backend backend, int gpu, String remedy) {
        assertThatThrownBy(() -> new StockRepository(bundle, backend, gpu)).isInstanceOf(RepositoryException.class)
                .hasMessageContaining(remedy);
    }
}
