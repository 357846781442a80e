package io.quarkiverse.eagle.benchmark;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.sampling.TokenSampler;

/** The ways to choose a token that are compared. */
public enum Decoding {
    GREEDY(GenerationOptions.defaults()),
    SAMPLED(GenerationOptions.defaults().withTemperature(1).withTopP(0.9)),
    PENALISED(GenerationOptions.defaults().withTemperature(1).withTopK(20).withPenalties(1.1, 0.2, 0.1));

    private final GenerationOptions options;

    Decoding(GenerationOptions options) {
        this.options = options;
    }

    GenerationOptions options() {
        return options;
    }

    TokenSampler sampler() {
        return new TokenSampler(options, 7, DraftOutputs.VOCABULARY);
    }
}
