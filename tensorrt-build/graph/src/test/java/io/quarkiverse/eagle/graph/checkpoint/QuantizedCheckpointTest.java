package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints.Form;

class QuantizedCheckpointTest {

    private static final int GROUP = 32;
    private static final String DOWN = "model.layers.1.mlp.down_proj";

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(Form.class)
    void givesEveryMatrixTheValuesThatItsLevelsStandFor(Form form) throws IOException {
        QuantizedCheckpoints.write(folder.resolve("own"), folder.resolve("plain"), QuantizedCheckpoints.small(true), form,
                GROUP,
                17);
        try (HuggingFaceModel own = HuggingFaceModel.open(folder.resolve("own"));
                HuggingFaceModel plain = HuggingFaceModel.open(folder.resolve("plain"))) {
            assertThat(own.checkpoint().tensors().keySet())
                    .containsExactlyInAnyOrderElementsOf(plain.checkpoint().tensors().keySet());
            assertThat(own.checkpoint().tensor(DOWN + ".weight").type()).isEqualTo(form.int4() ? "int4" : "fp8");
            for (TensorInfo tensor : plain.checkpoint().tensors().values()) {
                float[] expected = new float[(int) tensor.elements()];
                plain.checkpoint().read(tensor.name(), 0, expected, 0, expected.length);
                float[] found = new float[expected.length];
                for (int at = 0, run = 1; at < found.length; at += run, run = Math.min(3 * run, found.length - at)) {
                    own.checkpoint().read(tensor.name(), at, found, at, run);
                }
                assertThat(found).as(tensor.name()).containsExactly(expected);
            }
        }
    }

    @Test
    void readsTheSeparateDescriptionOfModelOpt() throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), Form.MODELOPT, GROUP, 3);
        GeneratedCheckpoints.writeConfig(folder, QuantizedCheckpoints.small(false));
        copied(Form.MODELOPT).addValues("model.layers.0.self_attn.k_proj.k_scale", "F32", new double[] { 1 })
                .write(folder.resolve("model.safetensors"), 1);
        GeneratedCheckpoints.write(folder.resolve("hf_quant_config.json"), json("{\"producer\":{\"name\":\"modelopt\"},"
                + "\"quantization\":{\"quant_algo\":\"FP8\",\"kv_cache_quant_algo\":\"FP8\",\"exclude_modules\":[\"lm_head\"]}}"));
        try (HuggingFaceModel model = HuggingFaceModel.open(folder)) {
            assertThat(model.checkpoint().quantized(DOWN + ".weight")).isInstanceOf(Float8Matrix.class);
            assertThat(model.checkpoint().quantized("model.norm.weight")).isNull();
        }
    }

    @Test
    void readsTheSeparateDescriptionOfAutoGptq() throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), Form.GPTQ, GROUP, 3);
        GeneratedCheckpoints.writeConfig(folder, QuantizedCheckpoints.small(false));
        GeneratedCheckpoints.write(folder.resolve("quantize_config.json"),
                json("{\"bits\":4,\"group_size\":32,\"desc_act\":false,\"sym\":true}"));
        try (HuggingFaceModel model = HuggingFaceModel.open(folder)) {
            assertThat(model.checkpoint().quantized(DOWN + ".weight")).isInstanceOf(Int4Matrix.class);
        }
    }

    @Test
    void leavesOutTheZerosThatAutoGptqWritesAsBiases() throws IOException {
        ModelConfig config = QuantizedCheckpoints.small(false);
        QuantizedCheckpoints.write(folder, null, config, Form.GPTQ, GROUP, 3);
        SafetensorsBuilder weights = copied(Form.GPTQ);
        weights.addValues(DOWN + ".bias", "F16", new double[64], 64).write(folder.resolve("model.safetensors"), 1);
        try (HuggingFaceModel model = HuggingFaceModel.open(folder)) {
            assertThat(model.checkpoint().tensors()).doesNotContainKey(DOWN + ".bias");
        }
        double[] biases = new double[64];
        biases[5] = 1;
        weights.without(DOWN + ".bias").addValues(DOWN + ".bias", "F16", biases, 64)
                .write(folder.resolve("model.safetensors"), 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).hasMessageContainingAll(DOWN + ".bias", "no place for");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "GPTQ | {\"desc_act\":true}                  | desc_act is true; expected false: groups of scattered input channels",
            "GPTQ | {\"bits\":8}                         | bits is 8; expected 4",
            "GPTQ | {\"group_size\":-1}                  | group_size is -1; expected one of [32, 64, 128]",
            "GPTQ | {\"checkpoint_format\":\"marlin\"}   | checkpoint_format is marlin; expected gptq or gptq_v2",
            "GPTQ | {\"group_size\":64}                  | expected I32",
            "AWQ  | {\"version\":\"gemv\"}               | version is gemv; expected gemm",
            "AWQ  | {\"quant_method\":\"bitsandbytes\"}  | quant_method is bitsandbytes; expected awq, gptq, modelopt",
            "MODELOPT | {\"quant_algo\":\"NVFP4\"}       | quant_algo is NVFP4; expected FP8",
            "COMPRESSED | {\"format\":\"marlin-24\"}     | format is marlin-24; expected float-quantized or pack-quantized",
            "COMPRESSED | {\"format\":\"pack-quantized\"} | type of the weights is float; expected int",
            "COMPRESSED_INT4 | {\"format\":\"float-quantized\"} | type of the weights is int; expected float",
            "COMPRESSED_INT4 | {\"config_groups\":{\"g\":{\"weights\":{\"type\":\"int\",\"num_bits\":4,\"strategy\":\"group\",\"group_size\":32,\"symmetric\":false}}}} | symmetric of the weights is false; expected true" })
    void refusesOtherFormsByName(Form form, String changes, String message) throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), form, GROUP, 3);
        ObjectNode config = (ObjectNode) new ObjectMapper().readTree(folder.resolve("config.json").toFile());
        ((ObjectNode) config.get("quantization_config")).setAll(json(changes));
        GeneratedCheckpoints.write(folder.resolve("config.json"), config);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).isInstanceOf(CheckpointException.class)
                .hasMessageContaining(message);
    }

    @Test
    void refusesGroupsOfScatteredChannels() throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), Form.GPTQ, GROUP, 3);
        double[] scattered = new double[96];
        scattered[0] = 2;
        copied(Form.GPTQ).without(DOWN + ".g_idx").addValues(DOWN + ".g_idx", "I32", scattered, 96)
                .write(folder.resolve("model.safetensors"), 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(DOWN + ".g_idx", "input channel 0 into group 2; expected 0", "act-order");
    }

    @Test
    void refusesAZeroPointThatToolsDisagreeAbout() throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), Form.GPTQ, GROUP, 3);
        double[] ambiguous = new double[3 * 64 / 8];
        ambiguous[0] = 0xf0;
        copied(Form.GPTQ).without(DOWN + ".qzeros").addValues(DOWN + ".qzeros", "I32", ambiguous, 3, 8)
                .write(folder.resolve("model.safetensors"), 1);
        try (HuggingFaceModel model = HuggingFaceModel.open(folder)) {
            assertThatThrownBy(() -> model.checkpoint().read(DOWN + ".weight", 0, new float[1], 0, 1))
                    .isInstanceOf(CheckpointException.class).hasMessageContainingAll("stored as 15", "gptq_v2");
        }
    }

    @Test
    void refusesEightBitWeightsWithoutTheirScale() throws IOException {
        QuantizedCheckpoints.write(folder, null, QuantizedCheckpoints.small(false), Form.MODELOPT, GROUP, 3);
        copied(Form.MODELOPT).without(DOWN + ".weight_scale").write(folder.resolve("model.safetensors"), 1);
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).isInstanceOf(CheckpointException.class)
                .hasMessageContaining("has no tensor " + DOWN + ".weight_scale");
        GeneratedCheckpoints.writeConfig(folder, QuantizedCheckpoints.small(false));
        assertThatThrownBy(() -> HuggingFaceModel.open(folder)).isInstanceOf(CheckpointException.class)
                .hasMessageContaining("F8_E4M3");
    }

    private SafetensorsBuilder copied(Form form) {
        return QuantizedCheckpoints.tensors(QuantizedCheckpoints.small(false), form, GROUP, 3);
    }

    private static ObjectNode json(String text) throws IOException {
        return (ObjectNode) new ObjectMapper().readTree(text);
    }
}
