package io.quarkiverse.eagle.sampling;

import io.quarkiverse.eagle.GenerationOptions;

/**
 * What of a distribution is kept, in the order in which it is applied: temperature, top-k, top-p, min-p. Top-p is a share of
 * the mass that top-k leaves, min-p a share of the most probable token's probability, both after temperature.
 *
 * @param inverseTemperature factor of the logits
 * @param candidates how many of the most probable tokens top-k leaves, at most the vocabulary
 * @param topP 1 keeps all candidates
 * @param minP 0 keeps all candidates
 */
record Filter(double inverseTemperature, int candidates, double topP, double minP) {

    static Filter of(GenerationOptions options, int vocabulary) {
        int candidates = options.topK() == 0 ? vocabulary : Math.min(options.topK(), vocabulary);
        return new Filter(1 / options.temperature(), candidates, options.topP(), options.minP());
    }

    /** A token's probability relative to that of the most probable token, whose weight is 1. */
    double weight(double logit, double best) {
        return Math.exp((logit - best) * inverseTemperature);
    }

    /** What top-p asks for of the candidates' whole mass. */
    double needed(double total) {
        return topP * total;
    }
}
