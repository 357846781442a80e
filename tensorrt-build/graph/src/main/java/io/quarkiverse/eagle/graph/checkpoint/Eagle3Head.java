package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Path;
import java.util.Arrays;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * An EAGLE-3 draft head (arXiv 2503.01840) in its authors' checkpoint form: {@code config.json} and the weights
 * {@code fc.weight [h, 3h]}, one decoder layer {@code midlayer.…} whose attention reads {@code [token; feature]} of width 2h,
 * each half after a norm of its own ({@code input_layernorm}, {@code hidden_norm}), {@code norm.weight}, an output projection
 * of its own {@code lm_head.weight [draft_vocab_size, h]}, and {@code d2t [draft_vocab_size]}: draft id i is target id
 * {@code i + d2t[i]}. The mask {@code t2d} says the same and is not read; a copy of the target's embedding neither.
 */
public final class Eagle3Head implements DraftHead {

    /** Prefix of the layer's tensors. */
    public static final String LAYER = "midlayer.";

    private static final int FEATURES = 3;
    /** Fewer layers leave no three different places for features. */
    private static final int FEWEST_TARGET_LAYERS = 7;

    private final ModelConfig config;
    private final Checkpoint checkpoint;
    private final boolean fcBias;
    private final int[] draftTokens;
    private final int[] configuredLayers;

    private Eagle3Head(ModelConfig config, Checkpoint checkpoint, boolean fcBias, int[] draftTokens, int[] configuredLayers) {
        this.config = config;
        this.checkpoint = checkpoint;
        this.fcBias = fcBias;
        this.draftTokens = draftTokens;
        this.configuredLayers = configuredLayers;
    }

    /** Whether a checkpoint holds such a head. */
    static boolean isOne(Checkpoint checkpoint) {
        return checkpoint.tensors().containsKey("d2t") || checkpoint.tensors().containsKey(LAYER + "hidden_norm.weight");
    }

    static Eagle3Head read(Path folder, Checkpoint checkpoint) {
        JsonFile json = JsonFile.read(folder.resolve("config.json"));
        refuseOtherForms(json);
        ModelConfig config = HuggingFaceConfig.read(folder)
                .withQkvBias(checkpoint.tensors().containsKey(LAYER + "self_attn.q_proj.bias"));
        if (config.layers() != 1) {
            throw json.wrong("num_hidden_layers", config.layers(), "1: EAGLE-3 heads have one layer");
        }
        if (json.size("target_hidden_size", config.hidden()) != config.hidden()) {
            throw json.wrong("target_hidden_size", json.get("target_hidden_size"), config.hidden()
                    + ": a head that is not as wide as its target has no graph here");
        }
        int draftVocabulary = json.size("draft_vocab_size", config.vocabulary());
        if (draftVocabulary > config.vocabulary()) {
            throw json.wrong("draft_vocab_size", draftVocabulary, "at most vocab_size, which is " + config.vocabulary());
        }
        // The authors' heads have none whatever the configuration says, which was copied from earlier ones.
        boolean fcBias = checkpoint.tensors().containsKey("fc.bias");
        DecoderTensors.ofEagle3Head(config, fcBias, draftVocabulary).check(checkpoint, LAYER);
        return new Eagle3Head(config, checkpoint, fcBias, draftTokens(checkpoint, draftVocabulary, config.vocabulary()),
                configuredLayers(json));
    }

    private static void refuseOtherForms(JsonFile json) {
        if (json.has("transformer_layer_config")) {
            throw new CheckpointException(json.path() + " describes a head in the form of vLLM's speculators"
                    + " (transformer_layer_config); expected the EAGLE authors' form, with vocab_size and draft_vocab_size");
        }
        for (String variant : new String[] { "norm_before_residual", "norm_before_fc", "fc_norm" }) {
            if (json.flag(variant, false)) {
                throw json.wrong(variant, true, "false: the EAGLE-3 authors' layer has no such norm, and no graph here has it");
            }
        }
    }

    private static int[] draftTokens(Checkpoint checkpoint, int draftVocabulary, int vocabulary) {
        int[] tokens = new int[draftVocabulary];
        if (draftVocabulary == vocabulary) {
            Arrays.setAll(tokens, i -> i);
            return tokens;
        }
        if (!checkpoint.tensor("d2t").hasShape(draftVocabulary)) {
            throw new CheckpointException(checkpoint.source() + ": tensor d2t has shape "
                    + checkpoint.tensor("d2t").shapeText() + "; expected [" + draftVocabulary + "] by the configuration");
        }
        long[] offsets = checkpoint.readIntegers("d2t");
        boolean[] seen = new boolean[vocabulary];
        for (int i = 0; i < draftVocabulary; i++) {
            long token = i + offsets[i];
            if (token < 0 || token >= vocabulary || seen[(int) token]) {
                throw new CheckpointException(checkpoint.source() + ": d2t maps draft id " + i + " to token " + token
                        + "; expected each of the target's ids from 0 to " + (vocabulary - 1) + " at most once");
            }
            seen[(int) token] = true;
            tokens[i] = (int) token;
        }
        return tokens;
    }

    /** Null where the configuration leaves the layers to the usual rule. */
    private static int[] configuredLayers(JsonFile json) {
        JsonFile eagle = json.object("eagle_config");
        String key = "eagle_aux_hidden_state_layer_ids";
        if (!eagle.has(key)) {
            return null;
        }
        JsonNode ids = eagle.get(key);
        int[] layers = new int[FEATURES];
        boolean whole = ids.isArray() && ids.size() == FEATURES;
        for (int i = 0; whole && i < FEATURES; i++) {
            whole = ids.get(i).isIntegralNumber() && ids.get(i).asInt() >= 0;
            // Counted by the layer that puts the features out; here by the one that they enter.
            layers[i] = ids.get(i).asInt() + 1;
        }
        if (!whole) {
            throw json.wrong("eagle_config." + key, ids, "the numbers of three of the target's layers");
        }
        return layers;
    }

    /** Target ids by draft id. */
    public int[] draftTokens() {
        return draftTokens.clone();
    }

    /**
     * Which of the target's streams make up a feature.
     *
     * @param layers how many the target has
     * @return three numbers of layers, from 0; the features are what enters them, and what leaves the last one for
     *         {@code layers}
     */
    public int[] featureLayers(int layers) {
        if (configuredLayers == null && layers < FEWEST_TARGET_LAYERS) {
            throw new CheckpointException(checkpoint.source() + " is an EAGLE-3 head, which reads the target at three of its"
                    + " layers; the target has " + layers + ", and at least " + FEWEST_TARGET_LAYERS + " are needed");
        }
        int[] wanted = configuredLayers == null ? new int[] { 2, layers / 2, layers - 3 } : configuredLayers.clone();
        for (int layer : wanted) {
            if (layer > layers) {
                throw new CheckpointException(checkpoint.source() + " reads the output of layer " + (layer - 1)
                        + ", but the target has " + layers + " layers; use the head that was trained for this target");
            }
        }
        return wanted;
    }

    @Override
    public String source() {
        return checkpoint.source();
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    @Override
    public boolean fcBias() {
        return fcBias;
    }

    /** Empty: what the head can propose was decided when it was trained. */
    @Override
    public int[] tokensByFrequency() {
        return new int[0];
    }

    @Override
    public void close() {
        Heads.close(checkpoint);
    }
}
