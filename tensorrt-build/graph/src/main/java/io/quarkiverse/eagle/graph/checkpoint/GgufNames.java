package io.quarkiverse.eagle.graph.checkpoint;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Translates the tensor names of GGUF files to those of Hugging Face. */
final class GgufNames {

    /** Stretches the rotary frequencies of LLaMA 3.1; part of the configuration, not of the weights. */
    static final String ROTARY_FACTORS = "rope_freqs.weight";

    private static final Map<String, String> OUTSIDE_LAYERS = Map.of(
            "token_embd.weight", "model.embed_tokens.weight",
            "output_norm.weight", "model.norm.weight",
            "output.weight", "lm_head.weight");

    private static final Map<String, String> IN_LAYERS = Map.of(
            "attn_norm", "input_layernorm",
            "attn_q", "self_attn.q_proj",
            "attn_k", "self_attn.k_proj",
            "attn_v", "self_attn.v_proj",
            "attn_output", "self_attn.o_proj",
            "ffn_norm", "post_attention_layernorm",
            "ffn_gate", "mlp.gate_proj",
            "ffn_up", "mlp.up_proj",
            "ffn_down", "mlp.down_proj");

    private static final Pattern LAYER = Pattern.compile("blk\\.(\\d+)\\.(\\w+)\\.(weight|bias)");

    private GgufNames() {
    }

    /** The Hugging Face name, or null for a tensor that decoders of this kind do not have. */
    static String huggingFace(String name) {
        Matcher layer = LAYER.matcher(name);
        if (!layer.matches()) {
            return OUTSIDE_LAYERS.get(name);
        }
        String part = IN_LAYERS.get(layer.group(2));
        return part == null ? null : "model.layers." + layer.group(1) + "." + part + "." + layer.group(3);
    }

    /** Whether the rows of a tensor, by its Hugging Face name, meet rotary positions. */
    static boolean rotary(String name) {
        return name.contains(".self_attn.q_proj.") || name.contains(".self_attn.k_proj.");
    }
}
