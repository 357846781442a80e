package io.quarkiverse.eagle.engine;

/**
 * The sizes of an engine, fixed when it is loaded.
 *
 * @param slots sequences that the KV pool holds
 * @param maxLength most tokens of one sequence, prompt and answer together
 * @param maxRows most rows per sequence of one step; the pool has room for them beyond {@code maxLength}
 * @param topK how many best tokens a row returns
 * @param vocabulary width of a row's full logits; 0 when the engine never gives them
 * @param featureSize width of a feature row
 * @param readsFeatures true for a draft head, which is fed features beside tokens
 */
public record EngineShape(int slots, int maxLength, int maxRows, int topK, int vocabulary, int featureSize,
        boolean readsFeatures) {
}
