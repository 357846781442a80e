package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EagleHeadTest {

    @TempDir
    Path folder;

    private final ModelConfig config = GeneratedCheckpoints.smallLlama();

    @Test
    void opensTheHeadThatTheProjectShips() {
        Path shipped = SmolLm2.repository().resolve("triton-models/heads/smollm2-135m-instruct-eagle");
        try (EagleHead head = EagleHead.open(shipped)) {
            assertThat(head.fcBias()).isFalse();
            assertThat(head.config().layers()).isEqualTo(1);
            assertThat(head.config().ropeTheta()).isEqualTo(100000);
            assertThat(head.checkpoint().tensor("fc.weight").hasShape(576, 1152)).isTrue();
            assertThat(IntStream.of(head.tokensByFrequency()).sorted().toArray())
                    .containsExactly(IntStream.range(0, 49152).toArray());
        }
    }

    @Test
    void readsHeadsOfSeveralLayersWithBiases() {
        ModelConfig qwen = GeneratedCheckpoints.smallQwen2();
        try (EagleHead head = EagleHead.open(GeneratedCheckpoints.writeHead(folder, qwen, true, "BF16", 1))) {
            assertThat(head.fcBias()).isTrue();
            assertThat(head.config()).isEqualTo(qwen);
            assertThat(head.checkpoint().tensors()).containsKey("layers.1.input_layernorm.weight")
                    .doesNotContainKey("layers.0.input_layernorm.weight");
            assertThat(head.tokensByFrequency()).isEmpty();
        }
    }

    @Test
    void expectsABiasWhenTheConfigurationDoesNotSay() {
        GeneratedCheckpoints.writeHead(folder, config, false, "F32", 1);
        GeneratedCheckpoints.writeConfig(folder, config);
        assertThatThrownBy(() -> EagleHead.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("fc.bias", "config.json", "\"bias\": false");

        GeneratedCheckpoints.writeHead(folder, config, true, "F32", 1);
        GeneratedCheckpoints.writeConfig(folder, config);
        try (EagleHead head = EagleHead.open(folder)) {
            assertThat(head.fcBias()).isTrue();
        }
    }

    @Test
    void refusesABiasThatTheConfigurationDenies() {
        GeneratedCheckpoints.writeHead(folder, config, false, "F32", 1);
        GeneratedCheckpoints.head(config, true, "F32").write(folder.resolve("model.safetensors"), 1);
        assertThatThrownBy(() -> EagleHead.open(folder)).hasMessageContainingAll("fc.bias", "says \"bias\": false");
    }

    @Test
    void namesTheTensorAndBothShapesWhenTheyDiffer() {
        GeneratedCheckpoints.writeHead(folder, config, false, "F32", 1);
        Path file = folder.resolve("model.safetensors");
        GeneratedCheckpoints.head(config, false, "F32").reshape("fc.weight", 32, 96).write(file, 1);
        assertThatThrownBy(() -> EagleHead.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("fc.weight", "[32, 96]", "expected [32, 64]");

        GeneratedCheckpoints.head(config, false, "F32").without("layers.1.mlp.down_proj.weight").write(file, 1);
        assertThatThrownBy(() -> EagleHead.open(folder))
                .hasMessageContainingAll("has no tensor layers.1.mlp.down_proj.weight", "[32, 48]");

        GeneratedCheckpoints.head(config, false, "F32").add("layers.0.input_layernorm.weight", "F32", 32).write(file, 1);
        assertThatThrownBy(() -> EagleHead.open(folder))
                .hasMessageContainingAll("layers.0.input_layernorm.weight", "would change the results");
    }

    @Test
    void saysWhenTheHeadIsOfAnotherKind() {
        GeneratedCheckpoints.writeHead(folder, config, false, "F32", 1);
        Path file = folder.resolve("model.safetensors");
        GeneratedCheckpoints.head(config, false, "F32").add("d2t", "I64", 16).write(file, 1);
        assertThatThrownBy(() -> EagleHead.open(folder)).hasMessageContaining("is an EAGLE-3 head");

        new SafetensorsBuilder().add("0.0.linear.weight", "F32", 32, 32).write(file, 1);
        assertThatThrownBy(() -> EagleHead.open(folder)).hasMessageContainingAll("no EAGLE head", "fc.weight");
    }

    @Test
    void checksThatTheFrequenciesListEveryTokenOnce() throws IOException {
        GeneratedCheckpoints.writeHead(folder, config, false, "F32", 1);
        Path frequencies = folder.resolve("token_frequency.json");
        int[] reversed = IntStream.range(0, 64).map(i -> 63 - i).toArray();
        Files.writeString(frequencies, Arrays.toString(reversed));
        try (EagleHead head = EagleHead.open(folder)) {
            assertThat(head.tokensByFrequency()).containsExactly(reversed);
        }
        reversed[7] = 3;
        Files.writeString(frequencies, Arrays.toString(reversed));
        assertThatThrownBy(() -> EagleHead.open(folder))
                .hasMessageContainingAll("token_frequency.json", "entry 60 is 3", "from 0 to 63 once");
        Files.writeString(frequencies, "[1,2]");
        assertThatThrownBy(() -> EagleHead.open(folder)).hasMessageContainingAll("lists 2 token ids", "expected all 64");
    }
}
