package io.quarkiverse.eagle.graph.model;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.Float8Matrix;
import io.quarkiverse.eagle.graph.checkpoint.Int4Matrix;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedMatrix;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * Matrices in the quantised form that the checkpoint has them in, dequantised by the graph right before they are multiplied, as
 * TensorRT wants it for its kernels; what the checkpoint has not quantised is multiplied as it is.
 */
record QuantizedProjections(Projections.Floating floating) implements Projections {

    @Override
    public Projections forRows(Value rows) {
        return this;
    }

    @Override
    public Prepared prepare(Value rows) {
        return floating.prepare(rows);
    }

    @Override
    public Value project(Prepared input, String name, List<Rows> parts, List<Bias> bias) {
        List<QuantizedMatrix> matrices = new ArrayList<>();
        parts.forEach(part -> matrices.add(part.quantized()));
        if (matrices.stream().allMatch(Int4Matrix.class::isInstance)) {
            return int4(input.value(), name, matrices.stream().map(Int4Matrix.class::cast).toList(), bias);
        }
        if (matrices.stream().allMatch(matrix -> matrix instanceof Float8Matrix float8
                && float8.inputScale() == ((Float8Matrix) matrices.get(0)).inputScale())) {
            return float8(input.value(), name, matrices.stream().map(Float8Matrix.class::cast).toList(), bias);
        }
        return parts.size() == 1 ? floating.project(input, name, parts, bias) : oneByOne(input, name, parts, bias);
    }

    /** Matrices that are quantised differently cannot be stacked. */
    private Value oneByOne(Prepared input, String name, List<Rows> parts, List<Bias> bias) {
        List<Value> results = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            results.add(project(input, name + "." + i, parts.subList(i, i + 1),
                    bias.isEmpty() ? List.of() : bias.subList(i, i + 1)));
        }
        return graph().node("Concat", results, Attribute.of("axis", 1));
    }

    /**
     * {@code x · s(q − z) = x · sq + (sums of x over each group) · (−sz)}: TensorRT dequantises without zero points only, so
     * that they are multiplied apart, one row of a small matrix per group.
     */
    private Value int4(Value rows, String name, List<Int4Matrix> parts, List<Bias> bias) {
        int group = parts.get(0).group();
        int columns = parts.get(0).columns();
        int groups = columns / group;
        int width = parts.stream().mapToInt(Int4Matrix::rows).sum();
        float[] scales = new float[groups * width];
        float[] offsets = new float[groups * width];
        boolean symmetric = true;
        int at = 0;
        for (Int4Matrix part : parts) {
            float[] own = part.scales();
            byte[] zeroPoints = part.zeroPoints();
            for (int i = 0; i < own.length; i++) {
                int to = i / part.rows() * width + at + i % part.rows();
                scales[to] = own[i];
                offsets[to] = -own[i] * zeroPoints[i];
            }
            symmetric &= part.symmetric();
            at += part.rows();
        }
        ElementType type = floating.type();
        requirePositive(name, type, scales);
        Value matrix = graph().node("DequantizeLinear",
                List.of(weights().int4(name, parts), weights().values(name + ".scale", type, scales, groups, width)),
                Attribute.of("axis", 0), Attribute.of("block_size", group));
        Value result = floating.multiply(rows, matrix, name, bias, false);
        if (symmetric) {
            return result;
        }
        Value sums = graph().node("ReduceSum",
                List.of(graph().node("Reshape", List.of(rows, graph().longs(-1, groups, group))), graph().longs(2)),
                Attribute.of("keepdims", 0));
        return graph().node("Add", List.of(result, graph().node("MatMul",
                List.of(sums, weights().values(name + ".offset", type, offsets, groups, width)))));
    }

    /**
     * Inputs are rounded to 8 bits by the checkpoint's scale, and both factors dequantised: TensorRT multiplies 8-bit numbers.
     */
    private Value float8(Value rows, String name, List<Float8Matrix> parts, List<Bias> bias) {
        // A half holds a scale well enough; a bfloat16 would be wrong by up to 0.4 %.
        ElementType scaleType = floating.type() == ElementType.FLOAT16 ? ElementType.FLOAT16 : ElementType.FLOAT;
        Attribute type = Attribute.of("output_dtype", floating.type().number());
        float[] scales = scales(parts);
        requirePositive(name, scaleType, scales);
        requirePositive(name, scaleType, parts.get(0).inputScale());
        Value inputScale = weights().values(name + ".input_scale", scaleType, new float[] { parts.get(0).inputScale() });
        Value rounded = graph().node("DequantizeLinear",
                List.of(graph().node("QuantizeLinear",
                        List.of(rows, inputScale, graph().scalar(ElementType.FLOAT8E4M3FN, (byte) 0))), inputScale),
                type);
        Value scale = weights().values(name + ".scale", scaleType, scales,
                scales.length == 1 ? new long[0] : new long[] { scales.length });
        Value matrix = graph().node("DequantizeLinear", List.of(weights().float8(name, parts), scale), Attribute.of("axis", 0),
                type);
        return floating.multiply(rounded, matrix, name, bias);
    }

    /** One scale where one is enough, otherwise one per output channel. */
    private static float[] scales(List<Float8Matrix> parts) {
        float[] scales = new float[parts.stream().mapToInt(Float8Matrix::rows).sum()];
        int at = 0;
        boolean same = true;
        for (Float8Matrix part : parts) {
            float[] own = part.scales();
            for (int i = 0; i < part.rows(); i++, at++) {
                scales[at] = own[own.length == 1 ? 0 : i];
                same &= scales[at] == scales[0];
            }
        }
        return same ? new float[] { scales[0] } : scales;
    }

    private static void requirePositive(String name, ElementType type, float... scales) {
        float most = type == ElementType.FLOAT16 ? 65504 : Float.MAX_VALUE;
        float least = type == ElementType.FLOAT16 ? 0x1p-24f : Float.MIN_NORMAL;
        for (float scale : scales) {
            if (!(scale >= least && scale <= most)) {
                throw new CheckpointException("the quantised weights of " + name + " have a scale of " + scale
                        + ", which is not positive in " + type.text()
                        + ", as TensorRT wants it; quantise the model anew, or use"
                        + " fp16 or bf16");
            }
        }
    }

    private OnnxGraph graph() {
        return floating.graph();
    }

    private Weights weights() {
        return floating.weights();
    }
}
