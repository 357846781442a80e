package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.onnx.Value;

/** How a draft's best tokens come out of its rows. */
sealed interface OutputProjection permits VocabularyProjection, CandidateProjection {

    /** Tokens that can come out. */
    int vocabulary();

    /**
     * Declares the outputs {@code top_ids} and {@code top_logits}, log-probabilities.
     *
     * @param wanted flat rows, {@code [B · outputs, hidden]}
     * @return tokens per row
     */
    int writeBest(HeadBody.Blocks blocks, StepInputs step, Value wanted);
}
