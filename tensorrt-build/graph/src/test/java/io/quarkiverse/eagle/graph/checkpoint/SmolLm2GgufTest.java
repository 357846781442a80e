package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

class SmolLm2GgufTest {

    @Test
    void readsTheConfigurationThatTheModelWasPublishedWith() throws IOException {
        try (ModelSource model = SmolLm2.open()) {
            ModelConfig config = model.config();
            assertThat(model.name()).isEqualTo("SmolLM2-135M-Instruct");
            assertThat(config.family()).isEqualTo("llama");
            assertThat(config.vocabulary()).isEqualTo(49152);
            assertThat(config.hidden()).isEqualTo(576);
            assertThat(config.intermediate()).isEqualTo(1536);
            assertThat(config.layers()).isEqualTo(30);
            assertThat(config.heads()).isEqualTo(9);
            assertThat(config.kvHeads()).isEqualTo(3);
            assertThat(config.headDim()).isEqualTo(64);
            assertThat(config.normEpsilon()).isEqualTo(1e-5);
            assertThat(config.ropeTheta()).isEqualTo(100000);
            assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.None());
            assertThat(config.tiedEmbeddings()).isTrue();
            assertThat(config.qkvBias()).isFalse();
            assertThat(config.maxPositions()).isEqualTo(8192);
            assertThat(config.bosId()).isEqualTo(1);
            assertThat(config.eosIds()).containsExactly(2);
            assertThat(model.checkpoint().tensors()).hasSize(272);
        }
    }

    /** Sums over whole tensors, decoded by llama.cpp's gguf package, with the row permutation of its converter undone. */
    @ParameterizedTest
    @CsvSource({
            "model.embed_tokens.weight, 39786908",
            "model.layers.5.self_attn.q_proj.weight, ece907fa",
            "model.layers.29.self_attn.k_proj.weight, 2106bc25",
            "model.layers.0.self_attn.v_proj.weight, f4e02990",
            "model.layers.17.mlp.down_proj.weight, e0853e23",
            "model.norm.weight, c6811e6c" })
    void everyWeightIsWhatTheReferenceDecodes(String name, String crc) throws IOException {
        try (ModelSource model = SmolLm2.open()) {
            assertThat(crc32(model.checkpoint(), name, 577)).isEqualTo(crc);
        }
    }

    private static String crc32(Checkpoint checkpoint, String name, int run) {
        long elements = checkpoint.tensor(name).elements();
        CRC32 crc = new CRC32();
        float[] values = new float[run];
        ByteBuffer bytes = ByteBuffer.allocate(4 * run).order(ByteOrder.LITTLE_ENDIAN);
        for (long first = 0; first < elements; first += run) {
            int count = (int) Math.min(run, elements - first);
            checkpoint.read(name, first, values, 0, count);
            bytes.clear();
            bytes.asFloatBuffer().put(values, 0, count);
            crc.update(bytes.limit(4 * count));
        }
        return String.format("%08x", crc.getValue());
    }
}
