package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.onnx.Value;

/** A logit for every token of a vocabulary. */
record VocabularyProjection(DraftVocabulary tokens, Rows matrix) implements OutputProjection {

    @Override
    public int vocabulary() {
        return tokens.size();
    }

    @Override
    public int writeBest(HeadBody.Blocks blocks, StepInputs step, Value wanted) {
        Value logits = step.logits(blocks.graph(), blocks.projections().forRows(wanted).project(wanted, "lm_head", matrix),
                "draft_logits", tokens.size());
        return tokens.writeBest(blocks.graph(), logits, GraphOptions.DRAFT_TOP_K);
    }
}
