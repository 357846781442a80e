package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

class GgufModelTest {

    @TempDir
    Path folder;

    private GgufModel open(GgufBuilder gguf) {
        return GgufModel.open(gguf.write(folder.resolve("tiny-Q8_0.gguf")));
    }

    private static float[] read(ModelSource model, String name, int count) {
        float[] values = new float[count];
        model.checkpoint().read(name, 0, values, 0, count);
        return values;
    }

    @Test
    void givesTensorsHuggingFaceNamesAndShapesOutermostFirst() {
        try (GgufModel model = open(GgufBuilder.model("qwen2"))) {
            assertThat(model.name()).isEqualTo("tiny");
            assertThat(model.checkpoint().tensors()).containsOnlyKeys(
                    "model.embed_tokens.weight",
                    "model.layers.0.input_layernorm.weight",
                    "model.layers.0.self_attn.q_proj.weight",
                    "model.layers.0.self_attn.k_proj.weight",
                    "model.layers.0.self_attn.v_proj.weight",
                    "model.layers.0.self_attn.o_proj.weight",
                    "model.layers.0.post_attention_layernorm.weight",
                    "model.layers.0.mlp.gate_proj.weight",
                    "model.layers.0.mlp.up_proj.weight",
                    "model.layers.0.mlp.down_proj.weight",
                    "model.norm.weight",
                    "model.layers.0.self_attn.q_proj.bias",
                    "model.layers.0.self_attn.k_proj.bias",
                    "model.layers.0.self_attn.v_proj.bias");
            assertThat(model.checkpoint().tensor("model.layers.0.mlp.down_proj.weight").shape())
                    .containsExactly(8L, 12L);
            assertThat(model.config().qkvBias()).isTrue();
        }
    }

    @Test
    void putsTheRotaryRowsOfLlamaBackIntoHalves() {
        float[] stored = new float[64];
        int[] huggingFaceRow = { 0, 2, 1, 3, 4, 6, 5, 7 };
        for (int row = 0; row < 8; row++) {
            for (int column = 0; column < 8; column++) {
                stored[row * 8 + column] = huggingFaceRow[row] * 8 + column;
            }
        }
        try (GgufModel model = open(GgufBuilder.model("llama").floats("blk.0.attn_q.weight", stored, 8, 8))) {
            float[] values = read(model, "model.layers.0.self_attn.q_proj.weight", 64);
            for (int i = 0; i < 64; i++) {
                assertThat(values[i]).isEqualTo(i);
            }
            assertThat(read(model, "model.layers.0.self_attn.v_proj.weight", 32)[8]).isEqualTo(8);
        }
    }

    @Test
    void leavesTheRowsOfQwen2AsTheyAre() {
        try (GgufModel model = open(GgufBuilder.model("qwen2"))) {
            assertThat(read(model, "model.layers.0.self_attn.q_proj.weight", 64)[8]).isEqualTo(8);
        }
    }

    @Test
    void readsDimensionsConstantsAndEnds() {
        GgufBuilder gguf = GgufBuilder.model("llama")
                .floats("output.weight", 8, 6)
                .put("tokenizer.ggml.tokens", new String[] { "a", "b", "c", "d", "<|eot_id|>", "e" })
                .put("tokenizer.ggml.eot_token_id", 3)
                .put("llama.rope.scaling.type", "linear")
                .put("llama.rope.scaling.factor", 4f);
        try (GgufModel model = open(gguf)) {
            assertThat(model.config()).isEqualTo(new ModelConfig("llama", 6, 8, 12, 1, 2, 1, 4, 1e-5, 10000,
                    new RopeScaling.Linear(4), false, false, 64, 1, List.of(2, 3, 4)));
        }
    }

    @Test
    void recognisesTheScalingOfLlama31InItsTableOfDivisors() {
        RopeScaling.Llama3 scaling = new RopeScaling.Llama3(8, 1, 4, 8192);
        double[] divisors = Llama3Factors.divisors(scaling, 64, 500000);
        float[] table = new float[64];
        for (int i = 0; i < 64; i++) {
            table[i] = (float) divisors[i];
        }
        assertThat(table[0]).isEqualTo(1);
        assertThat(table[63]).isEqualTo(8);
        assertThat(Llama3Factors.recognise(table, 500000, "file")).isEqualTo(scaling);

        table[40] += 1;
        assertThatThrownBy(() -> Llama3Factors.recognise(table, 500000, "some.gguf"))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("some.gguf", "rope_freqs.weight", "config.json");
    }

    @Test
    void refusesAnArchitectureWithoutAGraph() {
        assertThatThrownBy(() -> open(GgufBuilder.model("gemma2")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("tiny-Q8_0.gguf", "gemma2", "expected llama or qwen2");
    }

    @Test
    void refusesAnUnknownQuantTypeByTensorAndType() {
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").tensor("blk.0.ffn_up.weight", 12, new byte[144], 8, 12)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("blk.0.ffn_up.weight", "Q4_K", "convert the model");
    }

    @Test
    void namesAMissingTensorAndAShapeThatDoesNotFit() {
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").without("blk.0.ffn_up.weight")))
                .hasMessageContainingAll("model.layers.0.mlp.up_proj.weight", "[12, 8]", "incomplete");
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").floats("blk.0.ffn_up.weight", 8, 11)))
                .hasMessageContainingAll("model.layers.0.mlp.up_proj.weight", "[11, 8]", "expected [12, 8]");
    }

    @Test
    void refusesATensorThatTheGraphWouldLeaveOut() {
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").floats("blk.0.attn_q_norm.weight", 4)))
                .hasMessageContainingAll("blk.0.attn_q_norm.weight", "would change the results");
    }

    @Test
    void namesTheTensorAtWhichATruncatedFileEnds() throws IOException {
        Path file = GgufBuilder.model("llama").write(folder.resolve("cut.gguf"));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(Files.size(file) - 8);
        }
        assertThatThrownBy(() -> GgufModel.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("cut.gguf", "truncated", "output_norm.weight", "download");
    }

    @Test
    void everyTruncationIsACheckpointException() throws IOException {
        byte[] whole = Files.readAllBytes(GgufBuilder.model("llama").write(folder.resolve("whole.gguf")));
        Path file = folder.resolve("cut.gguf");
        for (int length = 0; length < whole.length - 32; length += 7) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> GgufModel.open(file)).isInstanceOf(CheckpointException.class);
        }
    }

    @Test
    void refusesOtherVersionsAndOtherFiles() throws IOException {
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").version(1))).hasMessageContaining("GGUF version 1");
        assertThatThrownBy(() -> open(GgufBuilder.model("llama").version(3 << 24))).hasMessageContaining("big-endian");
        Path other = Files.writeString(folder.resolve("other.gguf"), "not a model at all");
        assertThatThrownBy(() -> GgufModel.open(other)).hasMessageContaining("not a GGUF file");
        assertThatThrownBy(() -> GgufModel.open(folder.resolve("none.gguf"))).hasMessageContaining("does not exist");
    }

    @Test
    void anyRunOfAQuantisedTensorEqualsTheSamePartOfTheWhole() {
        byte[] blocks = new byte[3 * 34];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = (byte) (i % 34 == 1 ? 0x3c : i % 34 == 0 ? 0 : i);
        }
        try (GgufModel model = open(GgufBuilder.model("llama").tensor("blk.0.ffn_up.weight", 8, blocks, 8, 12))) {
            String name = "model.layers.0.mlp.up_proj.weight";
            float[] whole = read(model, name, 96);
            assertThat(whole[95]).isEqualTo(101);
            for (int first = 0; first < 96; first++) {
                for (int count = 0; count <= 96 - first; count++) {
                    float[] run = new float[count + 2];
                    model.checkpoint().read(name, first, run, 1, count);
                    assertThat(Arrays.copyOfRange(run, 1, 1 + count))
                            .isEqualTo(Arrays.copyOfRange(whole, first, first + count));
                    assertThat(run[0]).isZero();
                    assertThat(run[count + 1]).isZero();
                }
            }
        }
    }

    @Test
    void aReadOutsideOfTheTensorIsRefused() {
        try (GgufModel model = open(GgufBuilder.model("llama"))) {
            float[] into = new float[8];
            assertThatThrownBy(() -> model.checkpoint().read("model.norm.weight", 1, into, 0, 8))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("model.norm.weight", "[8]");
            assertThatThrownBy(() -> model.checkpoint().read("model.nothing", 0, into, 0, 8))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("has no tensor model.nothing");
        }
    }
}
