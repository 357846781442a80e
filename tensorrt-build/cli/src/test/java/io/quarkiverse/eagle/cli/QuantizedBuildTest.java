package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

/** A checkpoint as ModelOpt exports it, of one layer whose weights are zero. */
class QuantizedBuildTest {

    private static final String CONFIG = "{\"architectures\":[\"LlamaForCausalLM\"],\"vocab_size\":80,\"hidden_size\":32,"
            + "\"intermediate_size\":64,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"num_key_value_heads\":2,"
            + "\"rms_norm_eps\":1e-5,\"max_position_embeddings\":64,\"tie_word_embeddings\":true,\"eos_token_id\":2}";

    @TempDir
    private Path folder;

    @BeforeEach
    void writeTheCheckpoint() throws IOException {
        Files.createDirectories(folder.resolve("model"));
        Files.writeString(folder.resolve("model/config.json"), CONFIG);
        Files.writeString(folder.resolve("model/tokenizer.json"), "{}");
        Files.writeString(folder.resolve("model/hf_quant_config.json"), "{\"quantization\":{\"quant_algo\":\"FP8\"}}");
        List<String> entries = new ArrayList<>();
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        add(entries, data, "model.embed_tokens.weight", "BF16", 2, 80, 32);
        add(entries, data, "model.norm.weight", "BF16", 2, 32);
        String layer = "model.layers.0.";
        add(entries, data, layer + "input_layernorm.weight", "BF16", 2, 32);
        add(entries, data, layer + "post_attention_layernorm.weight", "BF16", 2, 32);
        for (String name : List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")) {
            addQuantised(entries, data, layer + name, 32, 32);
        }
        addQuantised(entries, data, layer + "mlp.gate_proj", 64, 32);
        addQuantised(entries, data, layer + "mlp.up_proj", 64, 32);
        addQuantised(entries, data, layer + "mlp.down_proj", 32, 64);
        byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + header.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length).put(header).put(data.toByteArray());
        Files.write(folder.resolve("model/model.safetensors"), file.array());
    }

    private static void addQuantised(List<String> entries, ByteArrayOutputStream data, String name, int... shape) {
        add(entries, data, name + ".weight", "F8_E4M3", 1, shape);
        add(entries, data, name + ".weight_scale", "F32", 4);
        add(entries, data, name + ".input_scale", "F32", 4);
    }

    /** Zeros, but ones for single numbers. */
    private static void add(List<String> entries, ByteArrayOutputStream data, String name, String type, int width,
            int... shape) {
        int from = data.size();
        data.writeBytes(shape.length == 0
                ? ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(1).array()
                : new byte[width * Arrays.stream(shape).reduce(1, (a, b) -> a * b)]);
        entries.add("\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}".formatted(name, type,
                Arrays.toString(shape), from, data.size()));
    }

    @Test
    void takesThePrecisionForAGpuFromTheCheckpoint() {
        assertThat(build("own", "--for", "tensorrt").json().get("precision").textValue()).isEqualTo("fp8-bf16");
        assertThat(build("plain", "--for", "tensorrt", "--precision", "fp16").json().get("precision").textValue())
                .isEqualTo("fp16");
        JsonNode estimate = eagle("plan", folder.resolve("own").toString(), "--estimate", "--gpu", "l4", "--json").json();
        assertThat(estimate.get("weight_bits").intValue()).isEqualTo(8);
        CommandRun older = eagle("plan", folder.resolve("own").toString(), "--estimate", "--gpu", "a100");
        assertThat(older.status()).isEqualTo(2);
        assertThat(older.err()).contains("A100", "cannot multiply 8-bit floating-point numbers");
    }

    @Test
    void readsTheSameModelForACpu() {
        assertThat(build("cpu", "--precision", "auto").json().get("precision").textValue()).isEqualTo("int8");
    }

    @Test
    void refusesWeightsThatTheCheckpointDoesNotBring() {
        CommandRun run = build("none", "--for", "tensorrt", "--precision", "int4-fp16");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("precision int4-fp16 takes int4 weights from the checkpoint", "has fp8 weights",
                "use fp8-bf16");
        assertThat(folder.resolve("none")).doesNotExist();
    }

    private CommandRun build(String out, String... options) {
        List<String> line = new ArrayList<>(List.of("build", "--checkpoint", folder.resolve("model").toString(), "--out",
                folder.resolve(out).toString(), "--json"));
        line.addAll(List.of(options));
        return eagle(line.toArray(String[]::new));
    }
}
