package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Path;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;

/** How a model's files say that its weights are quantised. */
sealed interface Quantization {

    /** Group sizes for which NVIDIA's compiler makes plans. */
    List<Integer> GROUPS = List.of(32, 64, 128);

    /** Not at all. */
    record None() implements Quantization {
    }

    /**
     * 4-bit levels in 32-bit integers.
     *
     * @param group input channels that share a scale
     */
    record Int4(Int4Packing packing, int group) implements Quantization {
    }

    /** 8-bit floating-point numbers with scales beside them. */
    record Float8() implements Quantization {
    }

    /**
     * Reads {@code config.json}, ModelOpt's {@code hf_quant_config.json} and AutoGPTQ's {@code quantize_config.json}.
     *
     * @throws CheckpointException for a form that is not read here, by name
     */
    static Quantization read(Path folder) {
        JsonFile config = JsonFile.readIfPresent(folder.resolve("config.json"));
        if (config.has("quantization_config")) {
            JsonFile described = config.object("quantization_config");
            String method = described.text("quant_method", "nothing");
            return switch (method) {
                case "awq" -> awq(described);
                case "gptq" -> gptq(described);
                case "compressed-tensors" -> compressed(described);
                case "modelopt" -> modelOpt(described.has("quantization") ? described.object("quantization") : described);
                default ->
                    throw described.wrong("quant_method", method, "awq, gptq, modelopt or compressed-tensors; use another"
                            + " quantised form of the model, or its full-precision form");
            };
        }
        JsonFile modelOpt = JsonFile.readIfPresent(folder.resolve("hf_quant_config.json"));
        if (modelOpt.has("quantization")) {
            return modelOpt(modelOpt.object("quantization"));
        }
        JsonFile autoGptq = JsonFile.readIfPresent(folder.resolve("quantize_config.json"));
        return autoGptq.has("desc_act") ? gptq(autoGptq) : new None();
    }

    private static Quantization awq(JsonFile described) {
        require(described, "bits", described.size("bits", described.size("w_bit", 4)), 4);
        require(described, "version", described.text("version", "gemm").toLowerCase(java.util.Locale.ROOT), "gemm");
        return new Int4(Int4Packing.AWQ, group(described, described.has("group_size") ? "group_size" : "q_group_size"));
    }

    private static Quantization gptq(JsonFile described) {
        require(described, "bits", described.size("bits"), 4);
        if (described.flag("desc_act", false)) {
            throw described.wrong("desc_act", true, "false: groups of scattered input channels have no block form in TensorRT;"
                    + " quantise the model without act-order");
        }
        String format = described.text("checkpoint_format", "gptq");
        return switch (format) {
            case "gptq" -> new Int4(Int4Packing.GPTQ, group(described, "group_size"));
            case "gptq_v2" -> new Int4(Int4Packing.GPTQ_V2, group(described, "group_size"));
            default -> throw described.wrong("checkpoint_format", format, "gptq or gptq_v2");
        };
    }

    private static int group(JsonFile described, String key) {
        JsonNode size = described.get(key);
        if (!GROUPS.contains(size.asInt(128))) {
            throw described.wrong(key, size, "one of " + GROUPS);
        }
        return size.asInt(128);
    }

    private static Quantization modelOpt(JsonFile described) {
        String algorithm = described.text("quant_algo", "nothing");
        require(described, "quant_algo", algorithm, "FP8");
        return new Float8();
    }

    private static Quantization compressed(JsonFile described) {
        String format = described.text("format", "nothing");
        return switch (format) {
            case "float-quantized" -> compressedFloat8(described);
            case "pack-quantized" -> compressedInt4(described);
            default ->
                throw described.wrong("format", format, "float-quantized or pack-quantized; use another quantised form of"
                        + " the model, or its full-precision form");
        };
    }

    private static Quantization compressedInt4(JsonFile described) {
        int size = 0;
        for (JsonNode group : described.get("config_groups")) {
            JsonFile weights = described.within(group.path("weights"));
            require(weights, "type of the weights", weights.text("type", "nothing"), "int");
            require(weights, "num_bits of the weights", weights.size("num_bits"), 4);
            require(weights, "strategy of the weights", weights.text("strategy", "nothing"), "group");
            require(weights, "symmetric of the weights", weights.flag("symmetric", true), true);
            if (size != 0) {
                require(weights, "group_size", group(weights, "group_size"), size);
            }
            size = group(weights, "group_size");
            if (described.within(group).has("input_activations")) {
                throw described.wrong("input_activations", group.get("input_activations"), "null beside 4-bit weights");
            }
        }
        return new Int4(Int4Packing.COMPRESSED, size == 0 ? group(described, "group_size") : size);
    }

    private static Quantization compressedFloat8(JsonFile described) {
        for (JsonNode group : described.get("config_groups")) {
            JsonFile weights = described.within(group.path("weights"));
            require(weights, "type of the weights", weights.text("type", "nothing"), "float");
            require(weights, "num_bits of the weights", weights.size("num_bits"), 8);
            String strategy = weights.text("strategy", "tensor");
            if (!strategy.equals("tensor") && !strategy.equals("channel")) {
                throw weights.wrong("strategy of the weights", strategy, "tensor or channel");
            }
            require(weights, "symmetric of the weights", weights.flag("symmetric", true), true);
        }
        return new Float8();
    }

    private static void require(JsonFile described, String key, Object found, Object expected) {
        if (!found.equals(expected)) {
            throw described.wrong(key, found, expected + "; use another quantised form of the model, or its full-precision"
                    + " form");
        }
    }
}
