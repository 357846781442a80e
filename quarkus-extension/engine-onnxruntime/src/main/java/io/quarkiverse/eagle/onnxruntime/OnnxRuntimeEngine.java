package io.quarkiverse.eagle.onnxruntime;

import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReentrantLock;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/**
 * One session of ONNX Runtime. A step runs on the caller's thread (and the session's own) and is complete when
 * {@link #step} returns. Inputs and outputs are the caller's buffers themselves; nothing is copied.
 */
final class OnnxRuntimeEngine implements Engine {

    private final OrtEnvironment environment;
    private final OrtSession session;
    private final Map<String, OnnxTensor> sharedInputs;
    private final KvPoolBuffers pool;
    private final EngineShape shape;
    private final boolean keepsRows;
    /** False for heads that read features and tokens alone: their graphs have no pool, masks or features to hand on. */
    private final boolean attends;
    private final Set<String> inputNames;
    private final Map<String, OnnxTensor> inputs = new HashMap<>();
    private final Map<String, OnnxTensor> outputs = new HashMap<>();
    private final List<OnnxTensor> stepTensors = new ArrayList<>();
    private final ReentrantLock running = new ReentrantLock(true);
    private boolean closed;

    OnnxRuntimeEngine(OrtEnvironment environment, OrtSession session, BundleManifest.Graph graph,
            Map<String, OnnxTensor> sharedInputs, int slots, int maxLength) {
        this.environment = environment;
        this.session = session;
        this.sharedInputs = sharedInputs;
        this.keepsRows = graph.kind().equals("target");
        this.shape = new EngineShape(slots, maxLength, graph.maxRows(), graph.topK(),
                keepsRows ? graph.vocabulary() : 0, graph.featureSize(), !keepsRows);
        this.inputNames = session.getInputNames();
        this.attends = graph.layers() > 0;
        this.pool = new KvPoolBuffers(environment, graph.layers(), slots, graph.kvHeads(), graph.headDim(),
                maxLength + 2 * graph.maxRows());
    }

    @Override
    public EngineShape shape() {
        return shape;
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        running.lock();
        try {
            if (closed) {
                return CompletableFuture.failedFuture(new EngineException("the engine is closed"));
            }
            if (attends) {
                pool.prepare(request);
                pool.bind(request.firstSlot(), request.batch());
                bindInputs(request);
            } else {
                bindHeadInputs(request);
            }
            result.begin(request.batch(), request.rows(), request.outputs());
            bindOutputs(request, result);
            session.run(inputs, Set.of(), outputs).close();
            return CompletableFuture.completedFuture(result);
        } catch (OrtException e) {
            return CompletableFuture.failedFuture(new EngineException("ONNX Runtime failed: " + e.getMessage(), e));
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            release();
            running.unlock();
        }
    }

    private void bindInputs(StepRequest request) throws OrtException {
        long batch = request.batch();
        long rows = request.rows();
        inputs.putAll(pool.past());
        inputs.putAll(sharedInputs);
        input("input_ids", request.inputIds(), batch, rows);
        input("position_ids", request.positionIds(), batch, rows);
        input("window_start", request.windowStart(), batch);
        input("output_rows", request.outputRows(), batch, request.outputs());
        int maskBytes = Math.toIntExact(batch * rows * request.window());
        bind(inputs, "window_mask", OnnxTensor.createTensor(environment, request.windowMask().slice(0, maskBytes),
                new long[] { batch, rows, request.window() }, OnnxJavaType.BOOL));
        if (keepsRows) {
            input("keep_rows", request.keepRows(), batch, request.keep());
        } else {
            input("write_offset", request.writeOffset(), batch);
            bindFeatures(request);
        }
    }

    private void bindHeadInputs(StepRequest request) throws OrtException {
        inputs.putAll(sharedInputs);
        if (inputNames.contains("input_ids")) {
            input("input_ids", request.inputIds(), request.batch(), request.rows());
            input("position_ids", request.positionIds(), request.batch(), request.rows());
        }
        bindFeatures(request);
    }

    private void bindFeatures(StepRequest request) throws OrtException {
        int width = shape.featureSize();
        bind(inputs, "features", OnnxTensor.createTensor(environment,
                request.features().slice(0, Math.multiplyExact(request.batch() * request.rows(), width)),
                new long[] { request.batch(), request.rows(), width }));
    }

    private void input(String name, LongBuffer buffer, long... dimensions) throws OrtException {
        int count = 1;
        for (long dimension : dimensions) {
            count = Math.toIntExact(count * dimension);
        }
        bind(inputs, name, OnnxTensor.createTensor(environment, buffer.slice(0, count), dimensions));
    }

    private void bindOutputs(StepRequest request, StepResult result) throws OrtException {
        long batch = request.batch();
        long wanted = request.outputs();
        int count = Math.toIntExact(batch * wanted);
        if (attends) {
            outputs.putAll(pool.present());
        }
        bind(outputs, "top_ids", OnnxTensor.createTensor(environment, result.topIds().slice(0, count * shape.topK()),
                new long[] { batch, wanted, shape.topK() }));
        bind(outputs, "top_logits", OnnxTensor.createTensor(environment,
                result.topLogits().slice(0, count * shape.topK()), new long[] { batch, wanted, shape.topK() }));
        if (attends) {
            int features = Math.toIntExact(batch * request.rows() * shape.featureSize());
            bind(outputs, keepsRows ? "features" : "features_out", OnnxTensor.createTensor(environment,
                    result.features().slice(0, features), new long[] { batch, request.rows(), shape.featureSize() }));
        }
        if (keepsRows) {
            bind(outputs, "log_z", OnnxTensor.createTensor(environment, result.logZ().slice(0, count),
                    new long[] { batch, wanted }));
            bind(outputs, "logits", OnnxTensor.createTensor(environment,
                    result.bringAllLogits().slice(0, count * shape.vocabulary()),
                    new long[] { batch, wanted, shape.vocabulary() }));
        }
    }

    private void bind(Map<String, OnnxTensor> values, String name, OnnxTensor tensor) {
        values.put(name, tensor);
        stepTensors.add(tensor);
    }

    private void release() {
        stepTensors.forEach(OnnxTensor::close);
        stepTensors.clear();
        inputs.clear();
        outputs.clear();
    }

    @Override
    public Optional<RowCopying> rowCopying() {
        return Optional.of(this::copy);
    }

    private CompletionStage<Void> copy(int source, int slot, int rows) {
        running.lock();
        try {
            if (closed) {
                return CompletableFuture.failedFuture(new EngineException("the engine is closed"));
            }
            pool.copy(source, slot, rows);
            return CompletableFuture.completedFuture(null);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            running.unlock();
        }
    }

    /** Every step of this engine brings its logits. */
    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        return result.hasLogits(b, r) ? CompletableFuture.completedFuture(result)
                : CompletableFuture.failedFuture(new EngineException("a draft has no logits to fetch"));
    }

    @Override
    public void close() {
        running.lock();
        try {
            if (!closed) {
                closed = true;
                pool.close();
                session.close();
            }
        } catch (OrtException e) {
            throw new EngineException("closing a session failed: " + e.getMessage(), e);
        } finally {
            running.unlock();
        }
    }
}
