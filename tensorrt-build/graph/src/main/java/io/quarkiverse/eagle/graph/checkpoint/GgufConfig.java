package io.quarkiverse.eagle.graph.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/** Reads a model's configuration from the metadata of its GGUF file. */
final class GgufConfig {

    private static final Set<String> FAMILIES = Set.of("llama", "qwen2");
    private static final double DEFAULT_THETA = 10000;

    /** Ends of a turn that older files do not name in their metadata. */
    private static final List<String> TURN_ENDS = List.of("<|eot_id|>", "<|im_end|>");

    private final String file;
    private final GgufMetadata metadata;
    private final String family;

    GgufConfig(String file, GgufMetadata metadata) {
        this.file = file;
        this.metadata = metadata;
        this.family = metadata.text("general.architecture");
        if (!FAMILIES.contains(family)) {
            throw new CheckpointException(file + " holds a model of architecture " + family
                    + "; expected llama or qwen2");
        }
        if (metadata.integer(family + ".expert_count", 0) > 0) {
            throw new CheckpointException(file + " holds a mixture of experts, which has no graph here"
                    + "; expected a dense llama or qwen2 model");
        }
    }

    String family() {
        return family;
    }

    int headDim() {
        int fromWidth = metadata.size(family + ".embedding_length") / metadata.size(family + ".attention.head_count");
        int headDim = metadata.size(family + ".attention.key_length", fromWidth);
        requireSame(".attention.value_length", headDim);
        requireSame(".rope.dimension_count", headDim);
        return headDim;
    }

    private void requireSame(String key, int headDim) {
        int found = metadata.size(family + key, headDim);
        if (found != headDim) {
            throw new CheckpointException(file + ": metadata " + family + key + " is " + found
                    + "; expected the head width " + headDim);
        }
    }

    double ropeTheta() {
        return metadata.number(family + ".rope.freq_base", DEFAULT_THETA);
    }

    /**
     * @param vocabulary rows of the embedding table
     * @param tied whether the file has no output projection of its own
     * @param qkvBias whether the file has biases
     * @param rotaryDivisors the file's table of them, null when it has none
     */
    ModelConfig read(int vocabulary, boolean tied, boolean qkvBias, float[] rotaryDivisors) {
        int heads = metadata.size(family + ".attention.head_count");
        return new ModelConfig(family,
                vocabulary,
                metadata.size(family + ".embedding_length"),
                metadata.sizeOfEveryLayer(family + ".feed_forward_length", 0),
                metadata.size(family + ".block_count"),
                heads,
                metadata.sizeOfEveryLayer(family + ".attention.head_count_kv", heads),
                headDim(),
                metadata.number(family + ".attention.layer_norm_rms_epsilon"),
                ropeTheta(),
                ropeScaling(rotaryDivisors),
                tied,
                qkvBias,
                metadata.size(family + ".context_length"),
                (int) metadata.integer("tokenizer.ggml.bos_token_id", -1),
                eosIds());
    }

    private RopeScaling ropeScaling(float[] rotaryDivisors) {
        if (rotaryDivisors != null) {
            return Llama3Factors.recognise(rotaryDivisors, ropeTheta(), file);
        }
        String type = metadata.text(family + ".rope.scaling.type", "none");
        double factor = metadata.number(family + ".rope.scaling.factor",
                metadata.number(family + ".rope.scale_linear", 1));
        return switch (type) {
            case "none" -> new RopeScaling.None();
            case "linear" -> factor == 1 || factor == 0 ? new RopeScaling.None() : new RopeScaling.Linear(factor);
            default -> throw new CheckpointException(file + ": metadata " + family + ".rope.scaling.type is " + type
                    + "; expected none, linear, or a LLaMA 3.1 table " + GgufNames.ROTARY_FACTORS);
        };
    }

    private List<Integer> eosIds() {
        List<Integer> ids = new ArrayList<>();
        for (String key : List.of("eos_token_id", "eot_token_id", "eom_token_id")) {
            addId(ids, (int) metadata.integer("tokenizer.ggml." + key, -1));
        }
        if (metadata.has("tokenizer.ggml.tokens")) {
            List<String> tokens = Arrays.asList(metadata.texts("tokenizer.ggml.tokens"));
            TURN_ENDS.forEach(token -> addId(ids, tokens.indexOf(token)));
        }
        return ids;
    }

    private static void addId(List<Integer> ids, int id) {
        if (id >= 0 && !ids.contains(id)) {
            ids.add(id);
        }
    }
}
