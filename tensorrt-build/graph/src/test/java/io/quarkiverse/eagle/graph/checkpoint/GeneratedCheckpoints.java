package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/** Writes models and heads of random weights, in the layout of Hugging Face, for tests that need a shape and no sense. */
public final class GeneratedCheckpoints {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private GeneratedCheckpoints() {
    }

    /** Two layers, hidden 32, 4 heads on 2, tied embeddings. */
    public static ModelConfig smallLlama() {
        return new ModelConfig("llama", 64, 32, 48, 2, 4, 2, 8, 1e-5, 10000, new RopeScaling.None(), true, false, 128, 1,
                List.of(2));
    }

    /** The same with so many layers. */
    public static ModelConfig smallLlama(int layers) {
        ModelConfig small = smallLlama();
        return new ModelConfig(small.family(), small.vocabulary(), small.hidden(), small.intermediate(), layers, small.heads(),
                small.kvHeads(), small.headDim(), small.normEpsilon(), small.ropeTheta(), small.ropeScaling(),
                small.tiedEmbeddings(), small.qkvBias(), small.maxPositions(), small.bosId(), small.eosIds());
    }

    /** Three layers, hidden 24, 6 heads on 1, biases, an output projection of its own. */
    public static ModelConfig smallQwen2() {
        return new ModelConfig("qwen2", 96, 24, 40, 3, 6, 1, 4, 1e-6, 1000000, new RopeScaling.None(), false, true, 256, 1,
                List.of(2, 3));
    }

    /** The dimensions of LLaMA 3.1 8B. */
    public static ModelConfig llama8b() {
        return new ModelConfig("llama", 128256, 4096, 14336, 32, 32, 8, 128, 1e-5, 500000,
                new RopeScaling.Llama3(8, 1, 4, 8192), false, false, 131072, 128000, List.of(128001, 128008, 128009));
    }

    /** Writes {@code config.json} and {@code model.safetensors}. */
    public static Path write(Path folder, ModelConfig config, String type, long seed) {
        writeConfig(folder, config);
        target(config, type).write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /** Writes a model of random weights with a given embedding table, row-major. */
    public static Path write(Path folder, ModelConfig config, double[] embedding, long seed) {
        writeConfig(folder, config);
        target(config, "F32").without("model.embed_tokens.weight")
                .addValues("model.embed_tokens.weight", "F32", embedding, config.vocabulary(), config.hidden())
                .write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /** Writes the weights in several files and their index. */
    public static Path writeSharded(Path folder, ModelConfig config, String type, int shards, long seed) {
        writeConfig(folder, config);
        ObjectNode index = MAPPER.createObjectNode();
        ObjectNode map = index.putObject("weight_map");
        for (int i = 0; i < shards; i++) {
            String name = String.format("model-%05d-of-%05d.safetensors", i + 1, shards);
            SafetensorsBuilder shard = target(config, type).every(shards, i);
            shard.write(folder.resolve(name), seed + i);
            shard.names().forEach(tensor -> map.put(tensor, name));
        }
        write(folder.resolve("model.safetensors.index.json"), index);
        return folder;
    }

    /** Writes a model of any size whose weights are all zero and take no room on the disk. */
    public static Path writeSparse(Path folder, ModelConfig config, String type) {
        writeConfig(folder, config);
        target(config, type).writeSparse(folder.resolve("model.safetensors"));
        return folder;
    }

    /** The same behind so many bytes of tensors that belong to another part of the model. */
    public static Path writeSparse(Path folder, ModelConfig config, String type, long bytesBefore) {
        writeConfig(folder, config);
        SafetensorsBuilder weights = new SafetensorsBuilder();
        for (long left = bytesBefore, part = 0; left > 0; left -= 1L << 30, part++) {
            weights.add("vision.part." + part, "F16", Math.min(left, 1L << 30) / 2);
        }
        weights.addAll(target(config, type)).writeSparse(folder.resolve("model.safetensors"));
        return folder;
    }

    /** Writes an EAGLE head of as many layers as its configuration has. */
    public static Path writeHead(Path folder, ModelConfig config, boolean fcBias, String type, long seed) {
        ObjectNode json = json(config).put("bias", fcBias);
        write(folder.resolve("config.json"), json);
        head(config, fcBias, type).write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /**
     * Writes an EAGLE-3 head.
     *
     * @param draftVocabulary how many of the target's tokens it can propose, spread over all of them
     */
    public static Path writeEagle3Head(Path folder, ModelConfig config, int draftVocabulary, boolean fcBias, String type,
            long seed) {
        writeEagle3Config(folder, config, draftVocabulary);
        eagle3Head(config, draftVocabulary, fcBias, type).write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /** Writes an EAGLE-3 head of any size whose weights are all zero and take no room on the disk. */
    public static Path writeSparseEagle3Head(Path folder, ModelConfig config, int draftVocabulary, String type) {
        writeEagle3Config(folder, config, draftVocabulary);
        eagle3Head(config, draftVocabulary, false, type).writeSparse(folder.resolve("model.safetensors"));
        return folder;
    }

    static ObjectNode writeEagle3Config(Path folder, ModelConfig config, int draftVocabulary) {
        ObjectNode json = json(config).put("draft_vocab_size", draftVocabulary);
        write(folder.resolve("config.json"), json);
        return json;
    }

    /** Writes Medusa heads of one layer each. */
    public static Path writeMedusa(Path folder, ModelConfig config, int heads, boolean ownProjection, long seed) {
        write(folder.resolve("config.json"), MAPPER.createObjectNode().put("model_type", "medusa")
                .put("medusa_num_heads", heads).put("hidden_size", config.hidden()).put("vocab_size", config.vocabulary()));
        SafetensorsBuilder weights = new SafetensorsBuilder();
        for (int head = 0; head < heads; head++) {
            weights.add(head + ".0.linear.weight", "F32", config.hidden(), config.hidden());
            weights.add(head + ".0.linear.bias", "F32", config.hidden());
            if (ownProjection) {
                weights.add(head + ".1.weight", "F32", config.vocabulary(), config.hidden());
            }
        }
        weights.write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /** Writes Hydra heads. */
    public static Path writeHydra(Path folder, ModelConfig config, int heads, long seed) {
        write(folder.resolve("config.json"), MAPPER.createObjectNode().put("model_type", "hydra")
                .put("hydra_num_heads", heads).put("hidden_size", config.hidden()).put("vocab_size", config.vocabulary()));
        SafetensorsBuilder weights = new SafetensorsBuilder();
        for (int head = 0; head < heads; head++) {
            weights.add(head + ".in.weight", "F32", config.hidden(), (head + 2L) * config.hidden());
            weights.add(head + ".in.bias", "F32", config.hidden());
            weights.add(head + ".res.linear.weight", "F32", config.hidden(), config.hidden());
            weights.add(head + ".res.linear.bias", "F32", config.hidden());
        }
        weights.write(folder.resolve("model.safetensors"), seed);
        return folder;
    }

    /** Writes an EAGLE head of any size whose weights are all zero and take no room on the disk. */
    public static Path writeSparseHead(Path folder, ModelConfig config, String type) {
        write(folder.resolve("config.json"), json(config).put("bias", false));
        head(config, false, type).writeSparse(folder.resolve("model.safetensors"));
        return folder;
    }

    /** Writes a whole llama model of one layer into a GGUF file. */
    public static Path writeGguf(Path file) {
        return GgufBuilder.model("llama").write(file);
    }

    static SafetensorsBuilder target(ModelConfig config, String type) {
        SafetensorsBuilder weights = new SafetensorsBuilder();
        weights.add("model.embed_tokens.weight", type, config.vocabulary(), config.hidden());
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            weights.add(prefix + "input_layernorm.weight", type, config.hidden());
            addLayer(weights, prefix, config, type);
        }
        weights.add("model.norm.weight", type, config.hidden());
        if (!config.tiedEmbeddings()) {
            weights.add("lm_head.weight", type, config.vocabulary(), config.hidden());
        }
        return weights;
    }

    static SafetensorsBuilder head(ModelConfig config, boolean fcBias, String type) {
        SafetensorsBuilder weights = new SafetensorsBuilder().add("fc.weight", type, config.hidden(), 2L * config.hidden());
        if (fcBias) {
            weights.add("fc.bias", type, config.hidden());
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "layers." + layer + ".";
            if (layer > 0) {
                weights.add(prefix + "input_layernorm.weight", type, config.hidden());
            }
            addLayer(weights, prefix, config, type);
        }
        return weights;
    }

    static SafetensorsBuilder eagle3Head(ModelConfig config, int draftVocabulary, boolean fcBias, String type) {
        long[] offsets = new long[draftVocabulary];
        for (int i = 0; i < draftVocabulary; i++) {
            offsets[i] = (long) i * config.vocabulary() / draftVocabulary - i;
        }
        SafetensorsBuilder weights = new SafetensorsBuilder().addIntegers("d2t", offsets)
                .add("t2d", "BOOL", config.vocabulary()).add("fc.weight", type, config.hidden(), 3L * config.hidden());
        if (fcBias) {
            weights.add("fc.bias", type, config.hidden());
        }
        weights.add("midlayer.input_layernorm.weight", type, config.hidden());
        weights.add("midlayer.hidden_norm.weight", type, config.hidden());
        addLayer(weights, "midlayer.", config, type, 2L * config.hidden());
        weights.add("norm.weight", type, config.hidden());
        return weights.add("lm_head.weight", type, draftVocabulary, config.hidden());
    }

    private static void addLayer(SafetensorsBuilder weights, String prefix, ModelConfig config, String type) {
        addLayer(weights, prefix, config, type, config.hidden());
    }

    /** @param read width of the rows that attention reads */
    private static void addLayer(SafetensorsBuilder weights, String prefix, ModelConfig config, String type, long read) {
        long[] rows = { (long) config.heads() * config.headDim(), (long) config.kvHeads() * config.headDim(),
                (long) config.kvHeads() * config.headDim() };
        String[] projections = { "q_proj", "k_proj", "v_proj" };
        for (int i = 0; i < 3; i++) {
            weights.add(prefix + "self_attn." + projections[i] + ".weight", type, rows[i], read);
            if (config.qkvBias()) {
                weights.add(prefix + "self_attn." + projections[i] + ".bias", type, rows[i]);
            }
        }
        weights.add(prefix + "self_attn.o_proj.weight", type, config.hidden(), rows[0]);
        weights.add(prefix + "post_attention_layernorm.weight", type, config.hidden());
        weights.add(prefix + "mlp.gate_proj.weight", type, config.intermediate(), config.hidden());
        weights.add(prefix + "mlp.up_proj.weight", type, config.intermediate(), config.hidden());
        weights.add(prefix + "mlp.down_proj.weight", type, config.hidden(), config.intermediate());
    }

    static void writeConfig(Path folder, ModelConfig config) {
        write(folder.resolve("config.json"), json(config));
    }

    static ObjectNode json(ModelConfig config) {
        ObjectNode json = MAPPER.createObjectNode();
        json.putArray("architectures").add(config.family().equals("llama") ? "LlamaForCausalLM" : "Qwen2ForCausalLM");
        json.put("vocab_size", config.vocabulary()).put("hidden_size", config.hidden())
                .put("intermediate_size", config.intermediate()).put("num_hidden_layers", config.layers())
                .put("num_attention_heads", config.heads()).put("num_key_value_heads", config.kvHeads())
                .put("rms_norm_eps", config.normEpsilon()).put("rope_theta", config.ropeTheta())
                .put("tie_word_embeddings", config.tiedEmbeddings())
                .put("max_position_embeddings", config.maxPositions()).put("bos_token_id", config.bosId());
        if (config.headDim() * config.heads() != config.hidden()) {
            json.put("head_dim", config.headDim());
        }
        if (config.ropeScaling() instanceof RopeScaling.Llama3 scaling) {
            json.putObject("rope_scaling").put("rope_type", "llama3").put("factor", scaling.factor())
                    .put("low_freq_factor", scaling.lowFrequencyFactor())
                    .put("high_freq_factor", scaling.highFrequencyFactor())
                    .put("original_max_position_embeddings", scaling.originalMaxPositions());
        }
        if (config.ropeScaling() instanceof RopeScaling.Linear scaling) {
            json.putObject("rope_scaling").put("rope_type", "linear").put("factor", scaling.factor());
        }
        config.eosIds().forEach(json.withArray("eos_token_id")::add);
        return json;
    }

    static void write(Path file, ObjectNode json) {
        try {
            Files.createDirectories(file.getParent());
            MAPPER.writeValue(file.toFile(), json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
