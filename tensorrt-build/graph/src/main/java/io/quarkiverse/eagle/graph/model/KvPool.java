package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * The KV pool and the window of a step: what is kept, where new rows go, and who sees whom (the engine contract). A layer's
 * pool
 * is {@code [batch, kv_heads, pool_rows, head_dim]}; the batch may be any run of the pool's slots.
 */
final class KvPool {

    private static final float UNSEEN = -1e30f;

    private final OnnxGraph graph;
    private final GraphOptions options;
    private final int kvHeads;
    private final int headDim;
    private final ElementType type;
    private final boolean sliced;
    private final Value keepIndices;
    private final Value writeAt;
    private final Value used;
    private final StepInputs step;
    /** Who sees what, of all rows and of the wanted ones; each made when it is first needed. */
    private Value mask;
    private Value wantedMask;
    private final OrderFreeAttention orderFree;
    private final int heads;
    private final Value functionalIndex;
    private final Value functionalInside;

    /**
     * @param keepRows {@code [B, A]}, null for a draft
     * @param writeOffset {@code [B]}, null for a target
     */
    KvPool(OnnxGraph graph, GraphOptions options, int heads, int kvHeads, int headDim, int layers, StepInputs step,
            Value keepRows, Value writeOffset) {
        this.graph = graph;
        this.options = options;
        this.step = step;
        this.heads = heads;
        this.kvHeads = kvHeads;
        // A draft may round as it likes: what it proposes never changes what the target says.
        boolean verifies = writeOffset == null;
        this.orderFree = verifies && options.precision() == Precision.INT8 ? new OrderFreeAttention(options.poolRows()) : null;
        this.headDim = headDim;
        this.type = options.precision().activations();
        this.sliced = options.runtime() == GraphOptions.Runtime.TENSORRT;
        for (int layer = 0; layer < layers; layer++) {
            graph.input("past_k_" + layer, type, "batch", kvHeads, poolLength(), headDim);
            graph.input("past_v_" + layer, type, "batch", kvHeads, poolLength(), headDim);
        }
        Value windowStart = step.windowStart();
        Value batch = dimension(step.inputIds(), 0);
        Value rows = dimension(step.inputIds(), 1);
        Value width = dimension(step.windowMask(), 2);
        this.writeAt = writeOffset == null ? windowStart : graph.node("Add", List.of(windowStart, writeOffset));
        this.keepIndices = keepRows == null ? null : keepIndices(keepRows, batch);
        Value poolRows = dimension(new Value("past_k_0"), 2);
        this.used = sliced ? used(windowStart, width, poolRows) : poolRows;
        if (options.update() == KvUpdate.FUNCTIONAL) {
            Value written = keepRows == null ? rows : graph.node("Add", List.of(rows, dimension(keepRows, 1)));
            Value relative = relative(writeAt, poolRows);
            Value inside = graph.node("And", List.of(not(graph.node("Less", List.of(relative, graph.scalar(0L)))),
                    graph.node("Less", List.of(relative, written))));
            this.functionalInside = unsqueeze(inside, 1, 3);
            this.functionalIndex = graph.node("Expand", List.of(unsqueeze(clamp(relative, written), 1, 3),
                    graph.node("Concat", List.of(batch, graph.longs(kvHeads), poolRows, graph.longs(headDim)),
                            Attribute.of("axis", 0))));
        } else {
            this.functionalInside = null;
            this.functionalIndex = null;
        }
    }

    /** A pool's rows as a dimension of the graph: TensorRT updates caches of a fixed length only. */
    private Object poolLength() {
        return sliced ? options.poolRows() : "pool_rows";
    }

    private Value dimension(Value value, int axis) {
        return StepInputs.dimension(graph, value, axis);
    }

    private Value unsqueeze(Value value, long... axes) {
        return graph.node("Unsqueeze", List.of(value, graph.longs(axes)));
    }

    private Value not(Value value) {
        return graph.node("Not", List.of(value));
    }

    /** Cache rows to keep, as GatherND wants them: {@code [B, kv_heads, A, 1]}. */
    private Value keepIndices(Value keepRows, Value batch) {
        Value shape = graph.node("Concat", List.of(batch, graph.longs(kvHeads), dimension(keepRows, 1), graph.longs(1)),
                Attribute.of("axis", 0));
        return graph.node("Expand", List.of(unsqueeze(keepRows, 1, 3), shape));
    }

    /** Rows of the pool that any sequence of the step uses. */
    private Value used(Value windowStart, Value width, Value poolRows) {
        Value longest = graph.node("ReduceMax", List.of(windowStart, graph.longs(0)), Attribute.of("keepdims", 1));
        return graph.node("Min", List.of(graph.node("Add", List.of(longest, width)), poolRows));
    }

    /** Distance of each pool row from a start of its sequence: {@code [B, length]}. */
    private Value relative(Value start, Value length) {
        Value all = graph.node("Range",
                List.of(graph.scalar(0L), graph.node("Squeeze", List.of(length, graph.longs(0))), graph.scalar(1L)));
        return graph.node("Sub", List.of(unsqueeze(all, 0), unsqueeze(start, 1)));
    }

    private Value clamp(Value relative, Value width) {
        Value last = graph.node("Sub", List.of(width, graph.scalar(1L)));
        return graph.node("Max", List.of(graph.node("Min", List.of(relative, last)), graph.scalar(0L)));
    }

    private Value mask(boolean wantedOnly) {
        if (wantedOnly) {
            wantedMask = wantedMask == null ? mask(step.wanted(graph, inWindow())) : wantedMask;
            return wantedMask;
        }
        if (mask == null) {
            Value perHead = mask(inWindow());
            mask = orderFree == null ? perHead : OrderFreeAttention.grouped(graph, perHead, heads / kvHeads);
        }
        return mask;
    }

    /** The window's mask in a type that can be gathered. */
    private Value inWindow() {
        return sliced ? graph.node("Cast", List.of(step.windowMask()), Attribute.of("to", ElementType.INT32.number()))
                : step.windowMask();
    }

    /** Who sees what, over the rows in use: {@code [B, 1, rows, used]} from {@code [B, rows, W]}. */
    private Value mask(Value windowMask) {
        Value batch = dimension(windowMask, 0);
        Value rows = dimension(windowMask, 1);
        Value width = dimension(windowMask, 2);
        Value relative = relative(step.windowStart(), used);
        Value isFinal = graph.node("Less", List.of(relative, graph.scalar(0L)));
        Value insideWindow = graph.node("Less", List.of(relative, width));
        Value index = graph.node("Expand", List.of(unsqueeze(clamp(relative, width), 1),
                graph.node("Concat", List.of(batch, rows, used), Attribute.of("axis", 0))));
        Value gathered = graph.node("GatherElements", List.of(windowMask, index), Attribute.of("axis", 2));
        Value inWindow = sliced ? graph.node("Cast", List.of(gathered), Attribute.of("to", ElementType.BOOL.number()))
                : gathered;
        Value visible = graph.node("Or",
                List.of(unsqueeze(isFinal, 1), graph.node("And", List.of(inWindow, unsqueeze(insideWindow, 1)))));
        Value perHead = unsqueeze(visible, 1);
        return sliced ? perHead
                : graph.node("Where", List.of(perHead, graph.scalar(0f), graph.scalar(UNSEEN)));
    }

    /** The attention that makes results independent of the pool's order, or null for the plain operator. */
    OrderFreeAttention orderFree() {
        return orderFree;
    }

    /** What queries are scaled with before they come here. */
    double queryScale() {
        return orderFree == null ? 1 : 1 / Math.sqrt(headDim);
    }

    /**
     * Puts a layer's new keys and values into its pool and attends.
     *
     * @param query of all rows, {@code [B, heads, T, head_dim]}, or of the wanted ones, {@code [B, heads, outputs, head_dim]};
     *        scaled by {@link #queryScale()}
     * @param key {@code [B, kv_heads, T, head_dim]}
     * @param value alike
     * @return as {@code query}
     */
    Value attend(int layer, Value query, Value key, Value value, boolean wantedOnly) {
        Value mask = mask(wantedOnly);
        Value keys = update("k_" + layer, key);
        Value values = update("v_" + layer, orderFree == null ? value : orderFree.integers(graph, value));
        if (orderFree != null) {
            return orderFree.attend(graph, query, inUse(keys), inUse(values), mask, kvHeads, heads, headDim);
        }
        return graph.node("Attention", List.of(query, inUse(keys), inUse(values), mask),
                Attribute.of("scale", 1 / Math.sqrt(headDim)));
    }

    private Value inUse(Value pool) {
        return sliced ? graph.node("Slice", List.of(pool, graph.longs(0), used, graph.longs(2))) : pool;
    }

    private Value update(String name, Value fresh) {
        Value past = new Value("past_" + name);
        Value rows = fresh;
        if (keepIndices != null) {
            Value kept = graph.shaped(
                    graph.node("GatherND", List.of(past, keepIndices), Attribute.of("batch_dims", 2)), type, "batch", kvHeads,
                    "keep", headDim);
            rows = graph.shaped(graph.node("Concat", List.of(kept, fresh), Attribute.of("axis", 2)), type, "batch", kvHeads,
                    "kept_and_fresh", headDim);
        }
        Value present;
        if (options.update() == KvUpdate.IN_PLACE) {
            present = graph.named("present_" + name, "TensorScatter", List.of(past, rows, writeAt),
                    Attribute.of("axis", 2), Attribute.of("mode", "linear"));
        } else {
            Value spread = graph.node("GatherElements", List.of(rows, functionalIndex), Attribute.of("axis", 2));
            present = graph.named("present_" + name, "Where", List.of(functionalInside, spread, past));
        }
        graph.output(present, type, "batch", kvHeads, poolLength(), headDim);
        return present;
    }
}
