package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/** The embedding table {@code [vocabulary, hidden]}, written once and shared by target and draft. */
record Embedding(Value table, BundleManifest.Weight weight) {

    static final String NAME = "embedding";
    static final String TENSOR = "model.embed_tokens.weight";

    static Embedding write(OnnxGraph graph, Weights weights, ModelConfig config, Checkpoint checkpoint,
            GraphOptions options, ResidualBasis basis) {
        Rows rows = Rows.of(checkpoint, TENSOR, config.vocabulary(), config.hidden());
        Weights.Shared shared = weights.sharedMatrix(NAME, type(options), basis.embedding(rows));
        return new Embedding(shared.value(), shared.weight());
    }

    /** Declares the table as an input, for a loader that has it mapped from another graph's file. */
    static Embedding borrowed(OnnxGraph graph, BundleManifest.Weight weight, ModelConfig config, GraphOptions options) {
        return new Embedding(graph.input(NAME, type(options), config.vocabulary(), config.hidden()), weight);
    }

    /** Half precision is enough for a table whose rows are read as they are; only a tied fp32 projection wants more. */
    private static ElementType type(GraphOptions options) {
        return options.precision() == Precision.INT8 ? ElementType.FLOAT16 : options.precision().activations();
    }

    /** The tokens' rows, flat: {@code [R, hidden]}. */
    Value lookUp(OnnxGraph graph, Value inputIds, int hidden, ElementType type) {
        Value rows = graph.node("Gather", List.of(table, inputIds), Attribute.of("axis", 0));
        Value real = graph.node("Cast", List.of(rows), Attribute.of("to", type.number()));
        return graph.shaped(graph.node("Reshape", List.of(real, graph.longs(-1, hidden))), type, StepInputs.FLAT_ROWS, hidden);
    }
}
