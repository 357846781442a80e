package io.quarkiverse.eagle.triton;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;

import io.quarkiverse.eagle.engine.DraftedTree;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.TreeRequest;
import io.quarkiverse.eagle.triton.client.DataType;
import io.quarkiverse.eagle.triton.client.InferRequest;
import io.quarkiverse.eagle.triton.client.InferResponse;
import io.quarkiverse.eagle.triton.client.OutputTensor;
import io.quarkiverse.eagle.triton.client.SharedMemoryRegion;

/**
 * The tensors of a step on their way: inputs are copied once into memory of the engine's own, outputs once into the caller's
 * buffers. That memory is a region that the server maps too, or one array: protobuf writes an array straight into gRPC's
 * frames,
 * where it would copy a direct buffer to a new array first. One step at a time.
 */
final class StepTensors {

    /** Parts begin at cache lines. */
    private static final int ALIGNMENT = 64;

    private final EngineShape shape;
    private final boolean isTarget;
    private final SharedMemoryRegion region;
    private ByteBuffer memory;
    private int used;
    private final int[] outputOffsets = new int[Output.values().length];

    private enum Output {
        TOP_IDS("top_ids", DataType.INT32),
        TOP_LOGITS("top_logits", DataType.FP32),
        LOG_Z("log_z", DataType.FP32),
        FEATURES("features", DataType.FP32),
        LOGITS("logits", DataType.FP32),
        EXPANDED("expanded", DataType.INT32);

        private final String tensor;
        private final DataType type;

        Output(String tensor, DataType type) {
            this.tensor = tensor;
            this.type = type;
        }
    }

    /** @param region null for tensors in messages */
    StepTensors(EngineShape shape, SharedMemoryRegion region) {
        this.shape = shape;
        this.isTarget = !shape.readsFeatures();
        this.region = region;
        this.memory = region == null ? ByteBuffer.allocate(1 << 16) : region.slice(0, region.size());
    }

    /** Bytes of shared memory that any step of an engine can need, inputs and outputs. */
    static int mostBytes(EngineShape shape) {
        long rows = (long) shape.slots() * shape.maxRows();
        long perRow = 3L * Long.BYTES + 2L * shape.maxRows() * (1 + Long.BYTES) + 2L * shape.topK() * Float.BYTES + Float.BYTES
                + 2L * shape.featureSize() * Float.BYTES;
        long perSlot = 2L * Long.BYTES;
        if (shape.readsFeatures()) {
            // What a tree takes beyond its extension.
            perSlot += (2 + TreeRequest.MOST_LEVELS) * Long.BYTES
                    + TreeRequest.MOST_LEVELS * shape.topK() * (2L * shape.topK() * Float.BYTES + Integer.BYTES);
        }
        return Math.toIntExact(rows * perRow + shape.slots() * perSlot + (long) shape.vocabulary() * Float.BYTES
                + 32L * ALIGNMENT);
    }

    /** Adds a step's inputs to a request, and where its outputs go. */
    void write(StepRequest step, InferRequest request) {
        long batch = step.batch();
        inputs(step, request);
        output(request, Output.TOP_IDS, batch * step.outputs() * shape.topK());
        output(request, Output.TOP_LOGITS, batch * step.outputs() * shape.topK());
        if (isTarget) {
            output(request, Output.LOG_Z, batch * step.outputs());
        }
        output(request, Output.FEATURES, batch * step.rows() * shape.featureSize());
    }

    /** Adds an extension's inputs and the sizes of its levels to a request, and where its outputs go. */
    void write(StepRequest extension, TreeRequest tree, InferRequest request) {
        int batch = tree.batch();
        int levels = tree.levels();
        long rows = tree.rows();
        inputs(extension, request);
        LongBuffer children = input(request, "children", batch);
        LongBuffer starts = input(request, "level_start", batch);
        LongBuffer sizes = input(request, "level_sizes", batch, levels);
        for (int b = 0; b < batch; b++) {
            children.put(b, tree.children(b));
            starts.put(b, tree.windowStart(b));
            for (int level = 1; level <= levels; level++) {
                sizes.put(b * levels + level - 1, tree.size(b, level));
            }
        }
        output(request, Output.TOP_IDS, batch * (1 + rows) * shape.topK());
        output(request, Output.TOP_LOGITS, batch * (1 + rows) * shape.topK());
        output(request, Output.EXPANDED, batch * rows);
    }

    private void inputs(StepRequest step, InferRequest request) {
        long batch = step.batch();
        long rows = step.rows();
        begin();
        longs(request, "input_ids", step.inputIds(), batch, rows);
        longs(request, "position_ids", step.positionIds(), batch, rows);
        longs(request, "window_start", step.windowStart(), batch);
        mask(request, step.windowMask(), batch, rows, step.window());
        longs(request, "output_rows", step.outputRows(), batch, step.outputs());
        if (!isTarget) {
            features(request, step.features(), batch, rows, shape.featureSize());
            longs(request, "write_offset", step.writeOffset(), batch);
        } else if (step.keep() > 0) {
            longs(request, "keep_rows", step.keepRows(), batch, step.keep());
        }
    }

    /** Adds the place of one output row of the last step. */
    void write(int b, int r, InferRequest request) {
        begin();
        int offset = take(2 * Long.BYTES);
        part(offset, 2 * Long.BYTES).putLong(0, b).putLong(Long.BYTES, r);
        input(request, "logits_rows", DataType.INT64, offset, 2 * Long.BYTES, 1, 2);
        output(request, Output.LOGITS, shape.vocabulary());
    }

    private void begin() {
        used = 0;
    }

    /** A part for so many bytes; what was written before stays where it is. */
    private int take(int bytes) {
        int offset = (used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        used = Math.addExact(offset, bytes);
        if (used > memory.capacity()) {
            if (region != null) {
                throw new EngineException("a step needs " + used + " bytes of shared memory, but there are "
                        + memory.capacity());
            }
            // Parts that the request has already keep the old memory; the next step begins in the new one.
            memory = ByteBuffer.allocate(Math.max(used, Math.multiplyExact(2, memory.capacity())));
        }
        return offset;
    }

    private ByteBuffer part(int offset, int bytes) {
        return memory.slice(offset, bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int count(long... dimensions) {
        long count = 1;
        for (long dimension : dimensions) {
            count = Math.multiplyExact(count, dimension);
        }
        return Math.toIntExact(count);
    }

    private void longs(InferRequest request, String name, LongBuffer source, long... dimensions) {
        input(request, name, dimensions).put(0, source, 0, count(dimensions));
    }

    /** An input of type INT64 that the caller fills before the request is sent. */
    private LongBuffer input(InferRequest request, String name, long... dimensions) {
        int bytes = count(dimensions) * Long.BYTES;
        int offset = take(bytes);
        input(request, name, DataType.INT64, offset, bytes, dimensions);
        return part(offset, bytes).asLongBuffer();
    }

    private void features(InferRequest request, FloatBuffer source, long... dimensions) {
        int count = count(dimensions);
        int offset = take(count * Float.BYTES);
        part(offset, count * Float.BYTES).asFloatBuffer().put(0, source, 0, count);
        input(request, "features", DataType.FP32, offset, count * Float.BYTES, dimensions);
    }

    private void mask(InferRequest request, ByteBuffer source, long... dimensions) {
        int count = count(dimensions);
        int offset = take(count);
        part(offset, count).put(0, source, 0, count);
        input(request, "window_mask", DataType.BOOL, offset, count, dimensions);
    }

    private void input(InferRequest request, String name, DataType type, int offset, int bytes, long... dimensions) {
        if (region == null) {
            request.input(name, type, memory.slice(offset, bytes), dimensions);
        } else {
            request.input(name, type, region, offset, bytes, dimensions);
        }
    }

    private void output(InferRequest request, Output output, long count) {
        if (region == null) {
            request.output(output.tensor);
        } else {
            int bytes = Math.toIntExact(count * output.type.size());
            outputOffsets[output.ordinal()] = take(bytes);
            request.output(output.tensor, region, outputOffsets[output.ordinal()], bytes);
        }
    }

    /** Fills a result from a step's answer; it is only touched when the whole answer fits. */
    void read(InferResponse answer, StepRequest step, StepResult result) {
        long batch = step.batch();
        long rows = step.rows();
        long wanted = step.outputs();
        OutputTensor topIds = tensor(answer, Output.TOP_IDS, batch, wanted, shape.topK());
        OutputTensor topLogits = tensor(answer, Output.TOP_LOGITS, batch, wanted, shape.topK());
        OutputTensor logZ = isTarget ? tensor(answer, Output.LOG_Z, batch, wanted) : null;
        OutputTensor features = tensor(answer, Output.FEATURES, batch, rows, shape.featureSize());
        result.begin(step.batch(), step.rows(), step.outputs());
        int top = count(batch, wanted, shape.topK());
        result.topIds().put(0, data(topIds, Output.TOP_IDS, top).asIntBuffer(), 0, top);
        floats(topLogits, Output.TOP_LOGITS, result.topLogits(), 0, top);
        if (isTarget) {
            floats(logZ, Output.LOG_Z, result.logZ(), 0, count(batch, wanted));
        }
        floats(features, Output.FEATURES, result.features(), 0, count(batch, rows, shape.featureSize()));
    }

    /** Fills a result from a tree's answer; it is only touched when the whole answer fits. */
    void read(InferResponse answer, TreeRequest tree, DraftedTree drafted) {
        int batch = tree.batch();
        int rows = tree.rows();
        OutputTensor topIds = tensor(answer, Output.TOP_IDS, batch, 1 + rows, shape.topK());
        OutputTensor topLogits = tensor(answer, Output.TOP_LOGITS, batch, 1 + rows, shape.topK());
        IntBuffer expanded = data(tensor(answer, Output.EXPANDED, batch, rows), Output.EXPANDED, batch * rows).asIntBuffer();
        for (int b = 0; b < batch; b++) {
            requireCandidates(tree, b, expanded, b * rows);
        }
        drafted.begin(tree);
        int top = count(batch, 1 + rows, shape.topK());
        drafted.topIds().put(0, data(topIds, Output.TOP_IDS, top).asIntBuffer(), 0, top);
        floats(topLogits, Output.TOP_LOGITS, drafted.topLogits(), 0, top);
        drafted.expanded().put(0, expanded, 0, batch * rows);
    }

    /** A row may only expand a node of the level that it belongs to. */
    private static void requireCandidates(TreeRequest tree, int b, IntBuffer expanded, int offset) {
        int row = offset;
        int first = 0;
        for (int level = 1; level <= tree.levels(); level++) {
            int candidates = tree.candidates(b, level);
            for (int t = 0; t < tree.size(b, level); t++) {
                int candidate = expanded.get(row + t);
                if (candidate < first || candidate >= first + candidates) {
                    throw new EngineException("the engine host expanded candidate " + candidate + " at level " + level
                            + ", whose candidates are " + first + " to " + (first + candidates - 1));
                }
            }
            row += tree.rows(level);
            first += candidates;
        }
    }

    /** Fills in one output row's full logits. */
    void readLogits(InferResponse answer, StepResult result, int b, int r) {
        OutputTensor logits = tensor(answer, Output.LOGITS, 1, shape.vocabulary());
        FloatBuffer into = result.bringLogits(b, r);
        floats(logits, Output.LOGITS, into, result.logitsOffset(b, r), shape.vocabulary());
    }

    private OutputTensor tensor(InferResponse answer, Output output, long... dimensions) {
        OutputTensor tensor = answer.output(output.tensor);
        if (tensor == null) {
            throw new EngineException("the engine host's answer has no output " + output.tensor);
        }
        tensor.require(output.type, dimensions);
        if (tensor.isInSharedMemory() && region == null) {
            throw new EngineException("output " + output.tensor + " lies in shared memory that was not offered");
        }
        return tensor;
    }

    private void floats(OutputTensor tensor, Output output, FloatBuffer into, int at, int count) {
        into.put(at, data(tensor, output, count).asFloatBuffer(), 0, count);
    }

    private ByteBuffer data(OutputTensor tensor, Output output, int count) {
        return tensor.isInSharedMemory() ? part(outputOffsets[output.ordinal()], count * output.type.size()) : tensor.data();
    }
}
