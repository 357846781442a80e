package io.quarkiverse.eagle.graph.model;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * EAGLE and EAGLE-2 (arXiv 2401.15077, section 3): {@code fc([embedding; feature])}, decoder layers of the target's kind, and
 * the target's own output projection over the most frequent tokens.
 */
record EagleBody(EagleHead head, OutputProjection projection) implements HeadBody {

    static EagleBody of(EagleHead head, ModelConfig targetConfig, Checkpoint target, GraphOptions options) {
        DraftVocabulary tokens = DraftVocabulary.of(targetConfig.vocabulary(), options.draftVocabulary(),
                head.tokensByFrequency(), head.source());
        Rows lmHead = tokens.lmHead(targetConfig, target);
        if (options.draftCandidates() != null && options.draftCandidates().rank() >= targetConfig.hidden()) {
            throw new CheckpointException("draft candidates of rank " + options.draftCandidates().rank() + " save nothing: "
                    + target.source() + "'s hidden size is " + targetConfig.hidden() + "; use a smaller rank");
        }
        return new EagleBody(head, options.draftCandidates() == null ? new VocabularyProjection(tokens, lmHead)
                : new CandidateProjection(lmHead, weights(lmHead.count(), head.tokensByFrequency()),
                        options.draftCandidates()));
    }

    /** Zipf's law where tokens are ranked, otherwise all alike. */
    private static double[] weights(int vocabulary, int[] byFrequency) {
        double[] weights = new double[vocabulary];
        Arrays.fill(weights, 1);
        for (int rank = 0; rank < byFrequency.length; rank++) {
            weights[byFrequency[rank]] = 1.0 / (rank + 1);
        }
        return weights;
    }

    @Override
    public String kind() {
        return "eagle";
    }

    @Override
    public Value wantedOutputs(Blocks blocks, Value tokens, ResidualBasis table, Value features) {
        int hidden = head.config().hidden();
        Rows own = Rows.of(head.checkpoint(), "fc.weight", hidden, 2 * hidden);
        Rows fc = table.reading(own.part(0, hidden)).beside(own.part(hidden, hidden));
        Value both = blocks.graph().node("Concat", List.of(tokens, features), Attribute.of("axis", 1));
        Projections projections = blocks.projections();
        Value x = projections.project(projections.prepare(both), "fc", List.of(fc),
                head.fcBias() ? List.of(new Projections.Bias(head.checkpoint(), "fc.bias", hidden, null)) : List.of());
        int last = head.config().layers() - 1;
        for (int layer = 0; layer < last; layer++) {
            x = blocks.decoder().layer(layer, prefix(layer), x, layer > 0);
        }
        return blocks.decoder().wantedOfLayer(last, prefix(last), x, last > 0);
    }

    private static String prefix(int layer) {
        return "layers." + layer + ".";
    }

    @Override
    public Value projected(Blocks blocks, Value wanted) {
        return wanted;
    }
}
