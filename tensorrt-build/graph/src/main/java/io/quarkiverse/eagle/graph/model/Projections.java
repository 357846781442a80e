package io.quarkiverse.eagle.graph.model;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/** The linear layers of a graph: {@code y = x Wᵀ + b}, in the graph's precision. Rows never influence each other. */
sealed interface Projections permits Projections.Floating, Projections.Int8, QuantizedProjections {

    /** What projections of one value share; for int8 the quantised rows. */
    Prepared prepare(Value rows);

    /**
     * Applies a matrix whose rows are stacked from several tensors.
     *
     * @param name of the weight in the graph
     * @param weights stacked output channels
     * @param bias tensors stacked alike, empty for none
     * @return {@code [R, sum of the weights' rows]}
     */
    Value project(Prepared input, String name, List<Rows> weights, List<Bias> bias);

    /** The same layers for another set of rows, for example only those whose logits are wanted. */
    Projections forRows(Value rows);

    default Value project(Value input, String name, Rows weights) {
        return project(prepare(input), name, List.of(weights), List.of());
    }

    /** A bias vector of a checkpoint, each entry multiplied by a scale; null for ones. */
    record Bias(Checkpoint checkpoint, String name, int length, float[] scale) {

        float[] values() {
            Weights.checkVector(checkpoint, name, length);
            float[] values = new float[length];
            checkpoint.read(name, 0, values, 0, length);
            for (int i = 0; scale != null && i < length; i++) {
                values[i] *= scale[i];
            }
            return values;
        }
    }

    /** A value and, for int8, its quantised form, of which each row has a scale. */
    record Prepared(Value value, Value quantized, Value scale) {
    }

    private static float[] read(List<Bias> bias) {
        float[] values = new float[bias.stream().mapToInt(Bias::length).sum()];
        int at = 0;
        for (Bias part : bias) {
            System.arraycopy(part.values(), 0, values, at, part.length());
            at += part.length();
        }
        return values;
    }

    /** Matrices in the activations' type. */
    record Floating(OnnxGraph graph, Weights weights, ElementType type) implements Projections {

        @Override
        public Projections forRows(Value rows) {
            return this;
        }

        @Override
        public Prepared prepare(Value rows) {
            return new Prepared(rows, null, null);
        }

        @Override
        public Value project(Prepared input, String name, List<Rows> parts, List<Bias> bias) {
            return multiply(input.value(), weights.matrix(name, type, parts), name, bias);
        }

        /** Applies a matrix {@code [N, K]} that is in the graph already. */
        Value multiply(Value input, Value matrix, String name, List<Bias> bias) {
            return multiply(input, matrix, name, bias, true);
        }

        /** @param byOutputs whether the matrix is {@code [N, K]}; otherwise it is {@code [K, N]} */
        Value multiply(Value input, Value matrix, String name, List<Bias> bias, boolean byOutputs) {
            List<Value> inputs = new ArrayList<>(List.of(input, matrix));
            if (!bias.isEmpty()) {
                float[] values = read(bias);
                inputs.add(weights.values(name + ".bias", type, values, values.length));
            }
            return graph.node("Gemm", inputs, Attribute.of("transB", byOutputs ? 1 : 0));
        }
    }

    /**
     * 8-bit matrices with one scale per output channel, activations quantised to 8 bits with one scale per row: a row's
     * result depends on that row alone, and integer sums are exact.
     */
    final class Int8 implements Projections {

        /** Activations are unsigned around this zero point, whatever form the weights have. */
        private static final byte ZERO_POINT = (byte) 128;

        private final OnnxGraph graph;
        private final Weights weights;
        private final Value activationZeroPoint;
        private final Value weightZeroPoint;
        private final Value rowZeroPoints;

        /** @param rows a value {@code [R, …]} that tells how many rows a step has */
        Int8(OnnxGraph graph, Weights weights, Value rows) {
            this(graph, weights, rows,
                    graph.constant("weight_zero_point", ElementType.INT8, java.nio.ByteBuffer.allocate(1)));
        }

        private Int8(OnnxGraph graph, Weights weights, Value rows, Value weightZeroPoint) {
            this.graph = graph;
            this.weights = weights;
            this.activationZeroPoint = graph.scalar(ElementType.UINT8, ZERO_POINT);
            this.weightZeroPoint = weightZeroPoint;
            Value count = graph.node("Shape", List.of(rows), Attribute.of("start", 0), Attribute.of("end", 1));
            this.rowZeroPoints = graph.node("ConstantOfShape", List.of(count), Attribute.ofByte("value", ZERO_POINT));
        }

        @Override
        public Projections forRows(Value rows) {
            return new Int8(graph, weights, rows, weightZeroPoint);
        }

        Value weightZeroPoint() {
            return weightZeroPoint;
        }

        @Override
        public Prepared prepare(Value rows) {
            Value scale = scale(rows);
            return new Prepared(rows, quantized(rows, scale), scale);
        }

        /**
         * Rows as if each had been divided by the root of its mean square before: quantised by its largest value, a row is the
         * same integers either way, and only what they stand for differs.
         *
         * @param rows {@code [R, width]}
         * @param epsilon is added to the mean of the squares
         * @return the divided rows in units of {@code sqrt(width)}, with which the matrices are to be multiplied
         */
        Prepared prepareNormalised(Value rows, int width, double epsilon) {
            Value scale = scale(rows);
            Value squares = graph.node("ReduceSumSquare", List.of(rows, graph.longs(-1)), Attribute.of("keepdims", 0));
            Value length = graph.node("Sqrt",
                    List.of(graph.node("Add", List.of(squares, graph.scalar((float) (width * epsilon))))));
            return new Prepared(rows, quantized(rows, scale), graph.node("Div", List.of(scale, length)));
        }

        /** One number a row, {@code [R]}; a row of zeros has zero, and whatever its integers are, they stand for zeros. */
        private Value scale(Value rows) {
            Value largest = graph.node("ReduceMax", List.of(graph.node("Abs", List.of(rows)), graph.longs(-1)),
                    Attribute.of("keepdims", 0));
            return graph.node("Mul", List.of(largest, graph.scalar(1f / 127)));
        }

        private Value quantized(Value rows, Value scale) {
            return graph.node("QuantizeLinear", List.of(rows, scale, rowZeroPoints), Attribute.of("axis", 0));
        }

        @Override
        public Value project(Prepared input, String name, List<Rows> parts, List<Bias> bias) {
            Weights.Quantized matrix = weights.quantized(name, parts);
            Value sums = graph.node("MatMulInteger",
                    List.of(input.quantized(), matrix.matrix(), activationZeroPoint, weightZeroPoint));
            // Converts to floats and multiplies in one pass over the rows.
            Value real = graph.node("DequantizeLinear", List.of(sums, input.scale()), Attribute.of("axis", 0));
            Value result = graph.node("Mul", List.of(real, matrix.scales()));
            if (bias.isEmpty()) {
                return result;
            }
            float[] values = read(bias);
            return graph.node("Add",
                    List.of(result, weights.values(name + ".bias", ElementType.FLOAT, values, values.length)));
        }
    }
}
