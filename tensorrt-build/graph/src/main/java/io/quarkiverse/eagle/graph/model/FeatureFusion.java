package io.quarkiverse.eagle.graph.model;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * Three streams of the target made one feature by an EAGLE-3 head's {@code fc} (arXiv 2503.01840, section 3.1). The target's
 * graph does it, so that its features are as wide as the head's own outputs, which take their place in drafted rows.
 *
 * @param layers the layers that the streams enter, in the order in which {@code fc} reads them
 */
record FeatureFusion(Eagle3Head head, int[] layers) {

    /** @param target has so many layers */
    static FeatureFusion of(Eagle3Head head, int target) {
        return new FeatureFusion(head, head.featureLayers(target));
    }

    /**
     * The features, in the head's own basis: each stream through its third of {@code fc}, so that an 8-bit row has a scale of
     * its own for each, and the sum of the three.
     *
     * @param basis of the streams
     * @param streams what enters each layer, {@code [R, hidden]}
     */
    Value fuse(OnnxGraph graph, Projections projections, ResidualBasis basis, List<Value> streams) {
        int hidden = head.config().hidden();
        Rows fc = Rows.of(head.checkpoint(), "fc.weight", hidden, layers.length * hidden);
        Value sum = null;
        for (int i = 0; i < layers.length; i++) {
            List<Projections.Bias> bias = new ArrayList<>();
            if (i == 0 && head.fcBias()) {
                bias.add(new Projections.Bias(head.checkpoint(), "fc.bias", hidden, null));
            }
            Value part = projections.project(projections.prepare(streams.get(layers[i])), "fc." + i,
                    List.of(basis.reading(fc.part(i * hidden, hidden))), bias);
            sum = sum == null ? part : graph.node("Add", List.of(sum, part));
        }
        return sum;
    }
}
