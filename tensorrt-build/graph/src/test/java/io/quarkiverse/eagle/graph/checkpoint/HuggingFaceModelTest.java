package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

class HuggingFaceModelTest {

    @TempDir
    Path folder;

    private ModelConfig readConfig(String changes) throws IOException {
        ModelConfig small = GeneratedCheckpoints.smallLlama();
        ObjectNode json = GeneratedCheckpoints.json(small);
        json.setAll((ObjectNode) new ObjectMapper().readTree(changes));
        GeneratedCheckpoints.write(folder.resolve("config.json"), json);
        return HuggingFaceConfig.read(folder);
    }

    @Test
    void opensLlamaAndQwen2FoldersOfEveryLayout() {
        ModelConfig llama = GeneratedCheckpoints.smallLlama();
        try (ModelSource model = HuggingFaceModel.open(
                GeneratedCheckpoints.write(folder.resolve("Small-Llama"), llama, "F16", 1))) {
            assertThat(model.name()).isEqualTo("Small-Llama");
            assertThat(model.config()).isEqualTo(llama);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        ModelConfig qwen = GeneratedCheckpoints.smallQwen2();
        try (HuggingFaceModel model = HuggingFaceModel.open(
                GeneratedCheckpoints.writeSharded(folder.resolve("qwen"), qwen, "BF16", 2, 1))) {
            assertThat(model.config()).isEqualTo(qwen);
            assertThat(model.checkpoint().tensor("model.layers.2.self_attn.k_proj.bias").shape()).containsExactly(4L);
        }
    }

    @Test
    void opensTheDimensionsOfAnEightBillionModelWithoutReadingIt() {
        ModelConfig config = GeneratedCheckpoints.llama8b();
        try (HuggingFaceModel model = HuggingFaceModel.open(
                GeneratedCheckpoints.writeSparse(folder.resolve("large"), config, "BF16"))) {
            assertThat(model.config()).isEqualTo(config);
            float[] row = new float[4096];
            model.checkpoint().read("lm_head.weight", 128255L * 4096, row, 0, 4096);
            assertThat(row).containsOnly(0);
        }
    }

    @Test
    void readsEveryFormOfRotaryScaling() throws IOException {
        assertThat(readConfig("{\"rope_scaling\":null}").ropeScaling()).isEqualTo(new RopeScaling.None());
        assertThat(readConfig("{\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}}").ropeScaling())
                .isEqualTo(new RopeScaling.Linear(2));
        String llama3 = "\"factor\":32.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                + "\"original_max_position_embeddings\":8192";
        assertThat(readConfig("{\"rope_scaling\":{\"rope_type\":\"llama3\"," + llama3 + "}}").ropeScaling())
                .isEqualTo(new RopeScaling.Llama3(32, 1, 4, 8192));
        ModelConfig newer = readConfig("{\"rope_theta\":null,\"rope_parameters\":{\"rope_type\":\"llama3\","
                + "\"rope_theta\":500000.0," + llama3 + "}}");
        assertThat(newer.ropeScaling()).isEqualTo(new RopeScaling.Llama3(32, 1, 4, 8192));
        assertThat(newer.ropeTheta()).isEqualTo(500000);
    }

    @Test
    void fillsInWhatOlderConfigurationsLeaveOut() throws IOException {
        ModelConfig config = readConfig("{\"num_key_value_heads\":null,\"rope_theta\":null,\"bos_token_id\":null}");
        assertThat(config.kvHeads()).isEqualTo(4);
        assertThat(config.headDim()).isEqualTo(8);
        assertThat(config.ropeTheta()).isEqualTo(10000);
        assertThat(config.bosId()).isEqualTo(-1);
        assertThat(readConfig("{\"head_dim\":16}").headDim()).isEqualTo(16);
        assertThat(readConfig("{\"attention_bias\":true}").qkvBias()).isTrue();
        assertThat(readConfig("{\"architectures\":[\"MistralForCausalLM\"],\"sliding_window\":null}").family())
                .isEqualTo("llama");
    }

    @Test
    void gathersTheEndsFromBothConfigurations() throws IOException {
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\":[7,2,9]}");
        assertThat(readConfig("{\"eos_token_id\":2}").eosIds()).isEqualTo(List.of(2, 7, 9));
        Files.writeString(folder.resolve("generation_config.json"), "{}");
        assertThat(readConfig("{\"eos_token_id\":null}").eosIds()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "{\"architectures\":[\"GemmaForCausalLM\"]}                      | GemmaForCausalLM; expected LlamaForCausalLM",
            "{\"architectures\":[\"MistralForCausalLM\"],\"sliding_window\":4096} | sliding_window is 4096; expected null",
            "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.0}}           | yarn; expected default, linear or llama3",
            "{\"rope_scaling\":{\"type\":\"linear\"}}                        | has no factor",
            "{\"hidden_act\":\"gelu\"}                                       | hidden_act is gelu; expected silu",
            "{\"hidden_size\":null}                                          | has no hidden_size",
            "{\"hidden_size\":\"wide\"}                                      | hidden_size is \"wide\"; expected a whole number",
            "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}} | full-precision" })
    void refusesWhatHasNoGraph(String changes, String message) {
        assertThatThrownBy(() -> readConfig(changes))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("config.json", message);
    }

    @Test
    void namesTheTensorAndBothShapesWhenTheyDiffer() {
        ModelConfig config = GeneratedCheckpoints.smallLlama();
        GeneratedCheckpoints.writeConfig(folder, config);
        Path file = folder.resolve("model.safetensors");
        String name = "model.layers.1.mlp.up_proj.weight";

        GeneratedCheckpoints.target(config, "F32").reshape(name, 47, 32).write(file, 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("model.safetensors", name, "[47, 32]", "expected [48, 32]");

        GeneratedCheckpoints.target(config, "F32").without(name).write(file, 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder))
                .hasMessageContainingAll("has no tensor " + name, "[48, 32]", "2 layers");

        GeneratedCheckpoints.target(config, "F32").add("model.layers.1.self_attn.o_proj.bias", "F32", 32).write(file, 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder))
                .hasMessageContainingAll("model.layers.1.self_attn.o_proj.bias", "would change the results");

        GeneratedCheckpoints.target(config, "F32").without(name).add(name, "I64", 48, 32).write(file, 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).hasMessageContainingAll(name, "I64", "expected F32");

        GeneratedCheckpoints.target(config, "F32").add("model.layers.1.self_attn.rotary_emb.inv_freq", "F32", 4)
                .write(file, 1);
        HuggingFaceModel.open(folder).close();
    }

    @Test
    void aFolderWithoutWeightsSaysWhichWereExpected() {
        GeneratedCheckpoints.writeConfig(folder, GeneratedCheckpoints.smallLlama());
        assertThatThrownBy(() -> HuggingFaceModel.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("has no weights", "model.safetensors", "pytorch_model.bin");
        assertThatThrownBy(() -> HuggingFaceModel.open(folder.resolve("nowhere"))).hasMessageContaining("does not exist");
    }

    @Test
    void copiesTheTokenizerAndFindsTheChatTemplate() throws IOException {
        GeneratedCheckpoints.write(folder, GeneratedCheckpoints.smallLlama(), "F16", 1);
        Path target = folder.resolve("bundle");
        try (HuggingFaceModel model = HuggingFaceModel.open(folder)) {
            assertThatThrownBy(() -> model.writeTokenizer(target))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("tokenizer.json does not exist", "save_pretrained");

            Files.writeString(folder.resolve("tokenizer.json"), "{\"a\":1}");
            model.writeTokenizer(target);
            assertThat(target.resolve("tokenizer.json")).hasContent("{\"a\":1}");
            assertThat(target.resolve("chat_template.jinja")).doesNotExist();

            Files.writeString(folder.resolve("tokenizer_config.json"),
                    "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"},{\"name\":\"default\",\"template\":\"D\"}]}");
            model.writeTokenizer(target);
            assertThat(target.resolve("chat_template.jinja")).hasContent("D");

            Files.writeString(folder.resolve("tokenizer_config.json"), "{\"chat_template\":\"S\"}");
            model.writeTokenizer(target);
            assertThat(target.resolve("chat_template.jinja")).hasContent("S");

            Files.writeString(folder.resolve("chat_template.jinja"), "J");
            model.writeTokenizer(target);
            assertThat(target.resolve("chat_template.jinja")).hasContent("J");
        }
    }
}
