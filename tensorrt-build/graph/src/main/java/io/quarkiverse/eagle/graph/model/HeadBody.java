package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/** The part of a draft graph in which the generations of EAGLE heads differ. Rows are flat, {@code [R, hidden]}. */
sealed interface HeadBody permits EagleBody, Eagle3Body {

    /** What a body is built with. */
    record Blocks(OnnxGraph graph, Weights weights, Projections projections, DecoderLayers decoder) {
    }

    /** The name that the manifest gives the draft. */
    String kind();

    /**
     * The head's outputs of the wanted rows, which stand for features in the rows drafted next. Of the other rows the last
     * layer computes keys and values alone, which is all that a prompt leaves behind.
     *
     * @param tokens rows of the embedding table
     * @param table the basis of that table's rows
     * @param features the target's, or outputs of this head
     */
    Value wantedOutputs(Blocks blocks, Value tokens, ResidualBasis table, Value features);

    /** What the output projection reads of the outputs' wanted rows. */
    Value projected(Blocks blocks, Value wanted);

    OutputProjection projection();
}
