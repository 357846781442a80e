package io.quarkiverse.eagle.graph.checkpoint;

import java.util.List;

/**
 * The dimensions and constants of a LLaMA-like decoder, from {@code config.json} or GGUF metadata.
 *
 * @param family {@code llama} or {@code qwen2}
 * @param vocabulary rows of the embedding table
 * @param hidden width of the residual stream
 * @param intermediate width of the MLP
 * @param layers decoder layers
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param headDim width of a head
 * @param normEpsilon of RMSNorm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling how the frequencies are stretched for long contexts
 * @param tiedEmbeddings whether the output projection is the embedding table
 * @param qkvBias whether the q, k and v projections have a bias
 * @param maxPositions longest context that the model was made for
 * @param bosId first token of a text, -1 when there is none
 * @param eosIds tokens that end a text or a turn
 */
public record ModelConfig(String family, int vocabulary, int hidden, int intermediate, int layers, int heads, int kvHeads,
        int headDim, double normEpsilon, double ropeTheta, RopeScaling ropeScaling, boolean tiedEmbeddings, boolean qkvBias,
        int maxPositions, int bosId, List<Integer> eosIds) {

    public ModelConfig {
        eosIds = List.copyOf(eosIds);
    }

    /** The same, with or without biases of the q, k and v projections. */
    public ModelConfig withQkvBias(boolean qkvBias) {
        return new ModelConfig(family, vocabulary, hidden, intermediate, layers, heads, kvHeads, headDim, normEpsilon,
                ropeTheta, ropeScaling, tiedEmbeddings, qkvBias, maxPositions, bosId, eosIds);
    }

    /** How rotary frequencies are stretched. */
    public sealed interface RopeScaling {

        /** Not at all. */
        record None() implements RopeScaling {
        }

        /** Every frequency divided by the factor. */
        record Linear(double factor) implements RopeScaling {
        }

        /**
         * LLaMA 3.1: long wavelengths divided by the factor, short ones kept, those between blended.
         */
        record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor,
                int originalMaxPositions) implements RopeScaling {
        }
    }
}
