package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/** Reads a model's configuration from its {@code config.json} and {@code generation_config.json}. */
final class HuggingFaceConfig {

    private static final double DEFAULT_THETA = 10000;

    private final JsonFile config;
    private final JsonFile generation;

    private HuggingFaceConfig(JsonFile config, JsonFile generation) {
        this.config = config;
        this.generation = generation;
    }

    /** A model whose weights are not quantised. */
    static ModelConfig read(Path folder) {
        ModelConfig config = readAny(folder);
        if (!(Quantization.read(folder) instanceof Quantization.None)) {
            throw new CheckpointException(
                    folder.resolve("config.json") + ", or hf_quant_config.json beside it, describes quantised"
                            + " weights; use the full-precision form of a draft head");
        }
        return config;
    }

    /** A model in whatever form its weights are. */
    static ModelConfig readAny(Path folder) {
        Path file = folder.resolve("config.json");
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(file + " does not exist; a model needs its config.json beside its weights");
        }
        return new HuggingFaceConfig(JsonFile.read(file),
                JsonFile.readIfPresent(folder.resolve("generation_config.json"))).read();
    }

    private ModelConfig read() {
        String family = family();
        refuse("hidden_act", config.text("hidden_act", "silu"), "silu");
        refuse("partial_rotary_factor", config.number("partial_rotary_factor", 1), 1.0);
        refuse("mlp_bias", config.flag("mlp_bias", false), false);
        refuseWindow(family);
        int hidden = config.size("hidden_size");
        int heads = config.size("num_attention_heads");
        return new ModelConfig(family,
                config.size("vocab_size"),
                hidden,
                config.size("intermediate_size"),
                config.size("num_hidden_layers"),
                heads,
                config.size("num_key_value_heads", heads),
                config.size("head_dim", hidden / heads),
                config.number("rms_norm_eps", 1e-6),
                ropeTheta(),
                ropeScaling(),
                config.flag("tie_word_embeddings", false),
                family.equals("qwen2") || config.flag("attention_bias", false),
                config.size("max_position_embeddings", 2048),
                config.get("bos_token_id").asInt(-1),
                eosIds());
    }

    private String family() {
        String architecture = config.get("architectures").path(0).asText("");
        if (architecture.isEmpty()) {
            architecture = config.text("model_type", "nothing");
        }
        return switch (architecture) {
            case "LlamaForCausalLM", "MistralForCausalLM", "LlamaForCausalLMEagle3", "llama", "mistral" -> "llama";
            case "Qwen2ForCausalLM", "qwen2" -> "qwen2";
            default -> throw new CheckpointException(config.path() + " describes a model of architecture "
                    + architecture + "; expected LlamaForCausalLM, MistralForCausalLM or Qwen2ForCausalLM");
        };
    }

    /** Qwen2 names a window even where it is switched off. */
    private void refuseWindow(String family) {
        boolean used = config.has("sliding_window")
                && (family.equals("qwen2") ? config.flag("use_sliding_window", false) : true);
        if (used) {
            throw config.wrong("sliding_window", config.get("sliding_window"),
                    "null: attention over a sliding window has no graph here");
        }
    }

    private void refuse(String key, Object found, Object supported) {
        if (!found.equals(supported)) {
            throw config.wrong(key, found, supported.toString());
        }
    }

    /** Newer files keep everything about rotary positions in one object. */
    private double ropeTheta() {
        double newer = config.object("rope_parameters").number("rope_theta", DEFAULT_THETA);
        return config.number("rope_theta", newer);
    }

    private RopeScaling ropeScaling() {
        JsonFile scaling = config.has("rope_scaling") ? config.object("rope_scaling") : config.object("rope_parameters");
        String type = scaling.text("rope_type", scaling.text("type", "default"));
        return switch (type) {
            case "default" -> new RopeScaling.None();
            case "linear" -> new RopeScaling.Linear(scaling.number("factor"));
            case "llama3" -> new RopeScaling.Llama3(scaling.number("factor"),
                    scaling.number("low_freq_factor"),
                    scaling.number("high_freq_factor"),
                    scaling.size("original_max_position_embeddings"));
            default -> throw config.wrong("the kind of rope_scaling", type, "default, linear or llama3");
        };
    }

    private List<Integer> eosIds() {
        List<Integer> ids = new ArrayList<>();
        for (JsonFile file : List.of(config, generation)) {
            JsonNode node = file.get("eos_token_id");
            for (JsonNode id : node.isArray() ? node : List.of(node)) {
                if (id.isIntegralNumber() && !ids.contains(id.asInt())) {
                    ids.add(id.asInt());
                }
            }
        }
        return ids;
    }
}
