package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * EAGLE-3 (arXiv 2503.01840, section 3.1): one layer whose attention reads the token beside the feature, and an output
 * projection of the head's own, over its own tokens. Features come fused from the target's graph ({@link FeatureFusion}).
 */
record Eagle3Body(Eagle3Head head, OutputProjection projection) implements HeadBody {

    static Eagle3Body of(Eagle3Head head, GraphOptions options) {
        DraftVocabulary own = new DraftVocabulary(head.draftTokens());
        if (options.draftVocabulary() != 0 && options.draftVocabulary() != own.size()) {
            throw new CheckpointException("a draft vocabulary of " + options.draftVocabulary() + " is asked for, but "
                    + head.source() + " was trained with its own of " + own.size() + " tokens; leave out --draft-vocabulary");
        }
        if (options.draftCandidates() != null) {
            throw new CheckpointException("draft candidates are asked for, but " + head.source() + " was trained for its own "
                    + own.size() + " tokens and computes all of their logits; leave out --draft-candidates");
        }
        return new Eagle3Body(head, new VocabularyProjection(own,
                Rows.of(head.checkpoint(), "lm_head.weight", own.size(), head.config().hidden())));
    }

    @Override
    public String kind() {
        return "eagle3";
    }

    @Override
    public Value wantedOutputs(Blocks blocks, Value tokens, ResidualBasis table, Value features) {
        return blocks.decoder().wantedOfLayerBesideTokens(Eagle3Head.LAYER, features, tokens, table);
    }

    @Override
    public Value projected(Blocks blocks, Value wanted) {
        return blocks.decoder().rmsNorm(wanted, "norm.weight");
    }
}
