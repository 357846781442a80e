package io.quarkiverse.eagle.graph.checkpoint;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The tensors of a LLaMA-like decoder and their shapes, as its configuration implies them. */
final class DecoderTensors {

    /** Tables that old files carry and that follow from the configuration. */
    private static final Pattern DERIVED = Pattern.compile(".*\\.rotary_emb\\.inv_freq|.*\\.attn\\.(bias|masked_bias)");

    private final ModelConfig config;
    private final Map<String, List<Long>> shapes = new LinkedHashMap<>();

    private DecoderTensors(ModelConfig config) {
        this.config = config;
    }

    static DecoderTensors ofTarget(ModelConfig config) {
        DecoderTensors tensors = new DecoderTensors(config);
        tensors.add("model.embed_tokens.weight", config.vocabulary(), config.hidden());
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            tensors.add(prefix + "input_layernorm.weight", config.hidden());
            tensors.addLayer(prefix);
        }
        tensors.add("model.norm.weight", config.hidden());
        if (!config.tiedEmbeddings()) {
            tensors.add("lm_head.weight", config.vocabulary(), config.hidden());
        }
        return tensors;
    }

    static DecoderTensors ofHead(ModelConfig config, boolean fcBias) {
        DecoderTensors tensors = new DecoderTensors(config);
        tensors.add("fc.weight", config.hidden(), 2L * config.hidden());
        if (fcBias) {
            tensors.add("fc.bias", config.hidden());
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "layers." + layer + ".";
            if (layer > 0) {
                tensors.add(prefix + "input_layernorm.weight", config.hidden());
            }
            tensors.addLayer(prefix);
        }
        return tensors;
    }

    /** @param draftVocabulary rows of the head's own output projection */
    static DecoderTensors ofEagle3Head(ModelConfig config, boolean fcBias, int draftVocabulary) {
        DecoderTensors tensors = new DecoderTensors(config);
        tensors.add("fc.weight", config.hidden(), 3L * config.hidden());
        if (fcBias) {
            tensors.add("fc.bias", config.hidden());
        }
        tensors.add(Eagle3Head.LAYER + "input_layernorm.weight", config.hidden());
        tensors.add(Eagle3Head.LAYER + "hidden_norm.weight", config.hidden());
        tensors.addLayer(Eagle3Head.LAYER, 2L * config.hidden());
        tensors.add("norm.weight", config.hidden());
        tensors.add("lm_head.weight", draftVocabulary, config.hidden());
        return tensors;
    }

    private void addLayer(String prefix) {
        addLayer(prefix, config.hidden());
    }

    /** @param read width of the rows that attention reads */
    private void addLayer(String prefix, long read) {
        long queries = (long) config.heads() * config.headDim();
        long keys = (long) config.kvHeads() * config.headDim();
        addProjection(prefix + "self_attn.q_proj", queries, read);
        addProjection(prefix + "self_attn.k_proj", keys, read);
        addProjection(prefix + "self_attn.v_proj", keys, read);
        add(prefix + "self_attn.o_proj.weight", config.hidden(), queries);
        add(prefix + "post_attention_layernorm.weight", config.hidden());
        add(prefix + "mlp.gate_proj.weight", config.intermediate(), config.hidden());
        add(prefix + "mlp.up_proj.weight", config.intermediate(), config.hidden());
        add(prefix + "mlp.down_proj.weight", config.hidden(), config.intermediate());
    }

    private void addProjection(String name, long rows, long columns) {
        add(name + ".weight", rows, columns);
        if (config.qkvBias()) {
            add(name + ".bias", rows);
        }
    }

    private void add(String name, long... shape) {
        shapes.put(name, Arrays.stream(shape).boxed().toList());
    }

    /**
     * Checks that a checkpoint has every tensor, in its shape, and no others that would take part in the computation.
     *
     * @param checked prefix of the names among which an unexpected one is an error
     */
    void check(Checkpoint checkpoint, String checked) {
        shapes.forEach((name, expected) -> {
            TensorInfo found = checkpoint.tensors().get(name);
            TensorInfo wanted = new TensorInfo(name, "any", expected);
            if (found == null) {
                throw new CheckpointException(checkpoint.source() + " has no tensor " + name + " "
                        + wanted.shapeText() + "; the checkpoint is incomplete, or its configuration ("
                        + config.layers() + " layers) belongs to another model");
            }
            if (!found.shape().equals(expected)) {
                throw new CheckpointException(checkpoint.source() + ": tensor " + name + " has shape "
                        + found.shapeText() + "; expected " + wanted.shapeText() + " by the configuration");
            }
            // Reading nothing finds out now, not after minutes of conversion, whether the type can be read.
            checkpoint.read(name, 0, new float[0], 0, 0);
        });
        for (String name : checkpoint.tensors().keySet()) {
            if (name.startsWith(checked) && !shapes.containsKey(name) && !DERIVED.matcher(name).matches()) {
                throw new CheckpointException(checkpoint.source() + " has a tensor " + name + " "
                        + checkpoint.tensor(name).shapeText() + " that a " + config.family() + " decoder of "
                        + config.layers() + " layers has no place for; leaving it out would change the results");
            }
        }
    }
}
