package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/** Inputs that target and draft share, and the output side of a step. */
record StepInputs(Value inputIds, Value positionIds, Value windowStart, Value windowMask, Value outputRows) {

    /** The dimension of values that have the rows of all sequences one after the other. */
    static final String FLAT_ROWS = "flat_rows";
    /** The dimension of values that have the wanted rows of all sequences one after the other. */
    static final String FLAT_OUTPUTS = "flat_outputs";

    static StepInputs declare(OnnxGraph graph) {
        return new StepInputs(graph.input("input_ids", ElementType.INT64, "batch", "rows"),
                graph.input("position_ids", ElementType.INT64, "batch", "rows"),
                graph.input("window_start", ElementType.INT64, "batch"),
                graph.input("window_mask", ElementType.BOOL, "batch", "rows", "window"),
                graph.input("output_rows", ElementType.INT64, "batch", "outputs"));
    }

    /** {@code [R, width]} back to {@code [B, T, width]}. */
    Value bySequence(OnnxGraph graph, Value flat, int width) {
        return graph.node("Reshape", List.of(flat, graph.node("Concat",
                List.of(graph.node("Shape", List.of(inputIds)), graph.longs(width)), Attribute.of("axis", 0))));
    }

    /** The rows whose logits are wanted, flat: {@code [B · outputs, width]}. */
    Value wanted(OnnxGraph graph, Value bySequence, int width) {
        return graph.node("Reshape", List.of(wanted(graph, bySequence), graph.longs(-1, width)));
    }

    /** The rows whose logits are wanted, of {@code [B, T, …]}: {@code [B, outputs, …]}. */
    Value wanted(OnnxGraph graph, Value bySequence) {
        Value indices = graph.node("Unsqueeze", List.of(outputRows, graph.longs(2)));
        return graph.node("GatherND", List.of(bySequence, indices), Attribute.of("batch_dims", 1));
    }

    /** The same rows of every head, of {@code [B, heads, T, width]}: {@code [B, heads, outputs, width]}. */
    Value wantedByHead(OnnxGraph graph, Value byHead, int heads) {
        Value ofAll = graph.node("Concat", List.of(dimension(graph, outputRows, 0), graph.longs(heads),
                dimension(graph, outputRows, 1), graph.longs(1)), Attribute.of("axis", 0));
        Value indices = graph.node("Expand",
                List.of(graph.node("Unsqueeze", List.of(outputRows, graph.longs(1, 3))), ofAll));
        return graph.node("GatherND", List.of(byHead, indices), Attribute.of("batch_dims", 2));
    }

    /**
     * Puts the wanted rows, flat, back to their places in {@code [B, T, width]}; the others stay as they are.
     *
     * @param name of the result, which may be an output
     */
    Value putBack(OnnxGraph graph, String name, Value bySequence, Value wanted, int width) {
        Value indices = graph.node("Expand", List.of(graph.node("Unsqueeze", List.of(outputRows, graph.longs(2))),
                outputShape(graph, width)));
        return graph.named(name, "ScatterElements", List.of(bySequence, indices, byOutput(graph, wanted, width)),
                Attribute.of("axis", 1));
    }

    /** A dimension as a vector of one. */
    static Value dimension(OnnxGraph graph, Value value, int axis) {
        return graph.node("Shape", List.of(value), Attribute.of("start", axis), Attribute.of("end", axis + 1));
    }

    /** {@code [B · outputs, width]} to {@code [B, outputs, width]} in float32, under an output's name. */
    Value logits(OnnxGraph graph, Value flat, String name, int width) {
        Value real = graph.node("Cast", List.of(flat), Attribute.of("to", ElementType.FLOAT.number()));
        return graph.named(name, "Reshape", List.of(real, outputShape(graph, width)));
    }

    /** {@code [B · outputs, width]} to {@code [B, outputs, width]}. */
    Value byOutput(OnnxGraph graph, Value flat, int width) {
        return graph.node("Reshape", List.of(flat, outputShape(graph, width)));
    }

    private Value outputShape(OnnxGraph graph, int width) {
        return graph.node("Concat", List.of(graph.node("Shape", List.of(outputRows)), graph.longs(width)),
                Attribute.of("axis", 0));
    }

    /**
     * Log-sum-exp of each row, {@code [B, outputs, 1]}, from the best token's log-probability. A row of a log-softmax depends
     * on
     * that row alone; a logarithm over all rows' sums was seen to change a row's last bit with the number of rows.
     *
     * @param best values and indices of the best tokens, descending
     */
    static Value logSumExp(OnnxGraph graph, Value logits, List<Value> best) {
        Value logProbabilities = graph.node("LogSoftmax", List.of(logits), Attribute.of("axis", -1));
        Value ofBest = graph.node("GatherElements", List.of(logProbabilities, first(graph, best.get(1))),
                Attribute.of("axis", 2));
        return graph.node("Sub", List.of(first(graph, best.get(0)), ofBest));
    }

    private static Value first(OnnxGraph graph, Value descending) {
        return graph.node("Slice", List.of(descending, graph.longs(0), graph.longs(1), graph.longs(2)));
    }
}
