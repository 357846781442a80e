package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * EAGLE and EAGLE-2 (arXiv 2401.15077, section 3): {@code fc([embedding; feature])}, decoder layers of the target's kind, and
 * the target's own output projection over the most frequent tokens.
 */
record EagleBody(EagleHead head, ModelConfig targetConfig, Checkpoint target, DraftVocabulary vocabulary) implements HeadBody {

    static EagleBody of(EagleHead head, ModelConfig targetConfig, Checkpoint target, GraphOptions options) {
        return new EagleBody(head, targetConfig, target, DraftVocabulary.of(targetConfig.vocabulary(),
                options.draftVocabulary(), head.tokensByFrequency(), head.source()));
    }

    @Override
    public String kind() {
        return "eagle";
    }

    @Override
    public Value outputs(Blocks blocks, Value tokens, ResidualBasis table, Value features) {
        int hidden = targetConfig.hidden();
        Rows own = Rows.of(head.checkpoint(), "fc.weight", hidden, 2 * hidden);
        Rows fc = table.reading(own.part(0, hidden)).beside(own.part(hidden, hidden));
        Value both = blocks.graph().node("Concat", List.of(tokens, features), Attribute.of("axis", 1));
        Projections projections = blocks.projections();
        Value x = projections.project(projections.prepare(both), "fc", List.of(fc),
                head.fcBias() ? List.of(new Projections.Bias(head.checkpoint(), "fc.bias", hidden, null)) : List.of());
        for (int layer = 0; layer < head.config().layers(); layer++) {
            x = blocks.decoder().layer(layer, "layers." + layer + ".", x, layer > 0);
        }
        return x;
    }

    @Override
    public Value logits(Blocks blocks, Value wanted) {
        return blocks.projections().forRows(wanted).project(wanted, "lm_head", vocabulary.lmHead(targetConfig, target));
    }
}
