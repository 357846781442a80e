package io.quarkiverse.eagle.triton;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.triton.client.DataType;
import io.quarkiverse.eagle.triton.client.InferRequest;
import io.quarkiverse.eagle.triton.client.InferResponse;
import io.quarkiverse.eagle.triton.client.OutputTensor;
import io.quarkiverse.eagle.triton.client.SharedMemoryRegion;

/**
 * The tensors of a step on their way: inputs are copied once into memory of the engine's own, outputs once into the caller's
 * buffers. That memory is one direct buffer, or a region that the server maps too. One step at a time.
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
        LOGITS("logits", DataType.FP32);

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
        this.memory = region == null ? ByteBuffer.allocateDirect(1 << 16) : region.slice(0, region.size());
    }

    /** Bytes of shared memory that any step of an engine can need, inputs and outputs. */
    static int mostBytes(EngineShape shape) {
        long rows = (long) shape.slots() * shape.maxRows();
        long perRow = 3L * Long.BYTES + 2L * shape.maxRows() * (1 + Long.BYTES) + 2L * shape.topK() * Float.BYTES + Float.BYTES
                + 2L * shape.featureSize() * Float.BYTES;
        long perSlot = 2L * Long.BYTES;
        return Math.toIntExact(rows * perRow + shape.slots() * perSlot + (long) shape.vocabulary() * Float.BYTES
                + 32L * ALIGNMENT);
    }

    /** Adds a step's inputs to a request, and where its outputs go. */
    void write(StepRequest step, InferRequest request) {
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
        output(request, Output.TOP_IDS, batch * step.outputs() * shape.topK());
        output(request, Output.TOP_LOGITS, batch * step.outputs() * shape.topK());
        if (isTarget) {
            output(request, Output.LOG_Z, batch * step.outputs());
        }
        output(request, Output.FEATURES, batch * rows * shape.featureSize());
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
            memory = ByteBuffer.allocateDirect(Math.max(used, Math.multiplyExact(2, memory.capacity())));
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
        int count = count(dimensions);
        int offset = take(count * Long.BYTES);
        part(offset, count * Long.BYTES).asLongBuffer().put(0, source, 0, count);
        input(request, name, DataType.INT64, offset, count * Long.BYTES, dimensions);
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
