package io.quarkiverse.eagle.plan.estimate;

import java.util.Arrays;
import java.util.Locale;

import io.quarkiverse.eagle.bundle.BundleManifest.Model;

/** Dimensions of well-known models, from their published {@code config.json}. */
public enum KnownModel {
    LLAMA2_7B("llama", 32000, 4096, 11008, 32, 32, 32, false),
    LLAMA2_13B("llama", 32000, 5120, 13824, 40, 40, 40, false),
    LLAMA3_8B("llama", 128256, 4096, 14336, 32, 32, 8, false),
    VICUNA_7B("llama", 32000, 4096, 11008, 32, 32, 32, false),
    VICUNA_13B("llama", 32000, 5120, 13824, 40, 40, 40, false),
    QWEN2_7B("qwen2", 152064, 3584, 18944, 28, 28, 4, false),
    SMOLLM2_135M("llama", 49152, 576, 1536, 30, 9, 3, true);

    private final Model model;

    KnownModel(String family, int vocabulary, int hidden, int intermediate, int layers, int heads, int kvHeads, boolean tied) {
        this.model = new Model(family, vocabulary, hidden, intermediate, layers, heads, kvHeads, hidden / heads, 1e-5, 10000,
                tied);
    }

    /** The model of that name on the command line. */
    public static KnownModel of(String text) {
        return Arrays.stream(values()).filter(model -> model.text().equalsIgnoreCase(text)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("\"" + text + "\" is not one of "
                        + String.join(", ", Arrays.stream(values()).map(KnownModel::text).toList())));
    }

    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    public Model model() {
        return model;
    }
}
