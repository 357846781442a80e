package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * Attention whose result does not depend on the order in which keys lie in the pool. In a draft tree a node's ancestors lie
 * among other branches, later they lie side by side; floating-point sums over keys would round differently in the two cases,
 * and 8-bit rows amplify the last bit. Here every sum over keys adds integers that float32 holds exactly: scores become integer
 * weights, and values are integers in the pool.
 * <p>
 * With {@code e = exp(score − largest)}: the normaliser is the sum of {@code round(2^s e)}, a weight is
 * {@code round(2^w e / normaliser)}, and a value is {@code v} integer bits with sign in units that the projections absorb. The
 * bits are chosen such that no partial sum reaches 2^24.
 */
final class OrderFreeAttention {

    /** A value's range in standard deviations of its channel for a normalised random input; beyond it is clipped. */
    private static final double RANGE = 8;

    /**
     * Its exponential rounds to nothing, as do those of all below it. An exponential that underflows takes 25 times as long,
     * and
     * all that is masked does.
     */
    private static final float LEAST_EXPONENT = -20;

    /** The dimension of a key-value head's rows: those of all query heads that it serves. */
    private static final String GROUP_ROWS = "group_rows";

    private final int sumBits;
    private final int weightBits;
    private final int valueBits;

    OrderFreeAttention(int poolRows) {
        boolean small = poolRows <= 4096;
        this.sumBits = small ? 12 : 10;
        this.weightBits = small ? 12 : 11;
        this.valueBits = small ? 11 : 10;
        double weights = Math.scalb(1.0, weightBits) * (1 + poolRows * Math.scalb(1.0, -sumBits - 1)) + poolRows / 2.0;
        double largest = Math.max(weights * Math.scalb(1.0, valueBits), poolRows * Math.scalb(1.0, sumBits));
        if (largest > 1 << 24) {
            throw new IllegalArgumentException("a pool of " + poolRows + " rows is too long for int8 attention, which is exact"
                    + " up to " + GraphOptions.LONGEST_INT8 + " tokens; use a smaller --max-length");
        }
    }

    /** The unit of a value channel, from the norm of its weights and its bias. */
    float unit(double norm, double bias) {
        double unit = (RANGE * norm + Math.abs(bias)) / ((1 << valueBits) - 1);
        return unit == 0 ? 1 : (float) unit;
    }

    /** What the output projection multiplies a channel with, beside the unit. */
    double outputScale() {
        return Math.scalb(1.0, -weightBits);
    }

    /** Values in their units, as integers. */
    Value integers(OnnxGraph graph, Value values) {
        float most = (1 << valueBits) - 1;
        return graph.node("Clip", List.of(graph.node("Round", List.of(values)), graph.scalar(-most), graph.scalar(most)));
    }

    /** The mask for grouped heads, {@code [B, 1, group · T, used]}. */
    static Value grouped(OnnxGraph graph, Value mask, int group) {
        return group == 1 ? mask
                : graph.shaped(graph.node("Tile", List.of(mask, graph.longs(1, 1, group, 1))), ElementType.FLOAT, "batch", 1,
                        GROUP_ROWS, "pool_rows");
    }

    /**
     * Attends.
     *
     * @param query scaled, {@code [B, heads, T, head_dim]}
     * @param keys {@code [B, kv_heads, rows, head_dim]}
     * @param values integers, alike
     * @param mask from {@link #grouped}
     * @return {@code [B, heads, T, head_dim]} in units of {@link #outputScale()} and the values' units
     */
    Value attend(OnnxGraph graph, Value query, Value keys, Value values, Value mask, int kvHeads, int heads, int headDim) {
        Value grouped = graph.shaped(graph.node("Reshape", List.of(query, graph.longs(0, kvHeads, -1, headDim))),
                ElementType.FLOAT, "batch", kvHeads, GROUP_ROWS, headDim);
        Value transposed = graph.node("Transpose", List.of(keys), Attribute.ofInts("perm", 0, 1, 3, 2));
        Value products = heads == kvHeads ? productsOfSeveral(graph, grouped, transposed, kvHeads)
                : graph.node("MatMul", List.of(grouped, transposed));
        Value scores = graph.node("Add", List.of(products, mask));
        Value last = graph.longs(-1);
        Value largest = graph.node("ReduceMax", List.of(scores, last), Attribute.of("keepdims", 1));
        // 2^s e comes out of the exponential as it is.
        Value origin = graph.node("Sub", List.of(largest, graph.scalar((float) (sumBits * Math.log(2)))));
        Value exponent = graph.node("Max",
                List.of(graph.node("Sub", List.of(scores, origin)), graph.scalar(LEAST_EXPONENT)));
        Value e = graph.node("Exp", List.of(exponent));
        Value normaliser = graph.node("ReduceSum", List.of(graph.node("Round", List.of(e)), last),
                Attribute.of("keepdims", 1));
        Value factor = graph.node("Div", List.of(graph.scalar((float) Math.scalb(1.0, weightBits)), normaliser));
        Value weights = graph.node("Round", List.of(graph.node("Mul", List.of(e, factor))));
        Value attended = graph.node("MatMul", List.of(weights, values));
        return graph.shaped(graph.node("Reshape", List.of(attended, graph.longs(0, heads, -1, headDim))), ElementType.FLOAT,
                "batch", heads, "rows", headDim);
    }

    /**
     * The product of queries and keys where a key-value head may have a single query, as in a step of one row for each of
     * several
     * sequences: ONNX Runtime sums a lone row in another order than one among others, so one more is there.
     */
    private static Value productsOfSeveral(OnnxGraph graph, Value queries, Value keys, int kvHeads) {
        Value first = graph.node("Slice", List.of(queries, graph.longs(0), graph.longs(1), graph.longs(2)));
        Value several = graph.node("Concat", List.of(queries, first), Attribute.of("axis", 2));
        Value products = graph.node("MatMul", List.of(several, keys));
        return graph.shaped(graph.node("Slice", List.of(products, graph.longs(0), graph.longs(-1), graph.longs(2))),
                ElementType.FLOAT, "batch", kvHeads, GROUP_ROWS, "pool_rows");
    }
}
