package io.quarkiverse.eagle.graph.model;

import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import ai.onnxruntime.platform.Fp16Conversions;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;

/** Runs steps of target graphs that the engine of this process refuses by design, in a plain session. */
final class PlainSession {

    static final int BATCH = 2;

    private static final int POOL_ROWS = 64;

    /** Prompts, two siblings behind each, and a step that keeps some of these rows. */
    static final List<Step> STEPS = List.of(
            new Step(new long[] { 0, 0 }, new long[][] { {}, {} }, new long[][] { { 5, 6, 7, 8 }, { 9, 10, 11, 12 } },
                    new long[][] { { 0, 1, 2, 3 }, { 0, 1, 2, 3 } }),
            new Step(new long[] { 4, 3 }, new long[][] { {}, {} }, new long[][] { { 20, 21, 22 }, { 30, 31, 32 } },
                    new long[][] { { 4, 5, 5 }, { 3, 4, 4 } }),
            new Step(new long[] { 4, 3 }, new long[][] { { 4, 6 }, { 5, 3 } },
                    new long[][] { { 40, 41, 42 }, { 50, 51, 52 } }, new long[][] { { 6, 7, 8 }, { 5, 6, 7 } }));

    private PlainSession() {
    }

    /** One step of two sequences: rows see the kept rows that are theirs and everything before themselves. */
    record Step(long[] windowStart, long[][] keep, long[][] tokens, long[][] positions) {
    }

    /** The floating-point outputs of each step; each step's new pool is the next one's past. */
    static List<Map<String, float[]>> run(Bundle bundle, ModelConfig config) throws OrtException {
        return run(bundle.file(bundle.manifest().targetGraph().file()), config);
    }

    /** @param target the file of a target's graph */
    static List<Map<String, float[]>> run(Path target, ModelConfig config) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        List<Map<String, float[]>> outputs = new ArrayList<>();
        Map<String, float[]> pool = new HashMap<>();
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
                OrtSession session = environment.createSession(target.toString(), asWritten(options))) {
            for (Step step : STEPS) {
                Map<String, OnnxTensor> inputs = inputs(environment, step);
                for (String name : session.getInputNames()) {
                    if (name.startsWith("past_")) {
                        inputs.put(name, past(environment, session, name, pool.get(name.replace("past_", "present_")), config));
                    }
                }
                try (OrtSession.Result result = session.run(inputs)) {
                    Map<String, float[]> floats = new HashMap<>();
                    for (Map.Entry<String, ai.onnxruntime.OnnxValue> output : result) {
                        if (!output.getKey().equals("top_ids")) {
                            FloatBuffer values = ((OnnxTensor) output.getValue()).getFloatBuffer();
                            float[] copy = new float[values.remaining()];
                            values.get(copy);
                            floats.put(output.getKey(), copy);
                        }
                    }
                    outputs.add(floats);
                    pool = floats;
                } finally {
                    inputs.values().forEach(OnnxTensor::close);
                }
            }
        }
        return outputs;
    }

    /** Its own kernels for 4-bit weights would round rows to 8 bits. */
    static OrtSession.SessionOptions asWritten(OrtSession.SessionOptions options) throws OrtException {
        options.addConfigEntry("session.disable_quant_qdq", "1");
        return options;
    }

    /** A pool of the type and size that the graph wants; graphs for TensorRT fix its rows. Empty at the first step. */
    private static OnnxTensor past(OrtEnvironment environment, OrtSession session, String name, float[] values,
            ModelConfig config) throws OrtException {
        TensorInfo wanted = (TensorInfo) session.getInputInfo().get(name).getInfo();
        long rows = wanted.getShape()[2] > 0 ? wanted.getShape()[2] : POOL_ROWS;
        long[] shape = { BATCH, config.kvHeads(), rows, config.headDim() };
        FloatBuffer held = values != null ? FloatBuffer.wrap(values)
                : FloatBuffer.allocate(Math.toIntExact(BATCH * config.kvHeads() * rows * config.headDim()));
        return wanted.type == OnnxJavaType.FLOAT16
                ? OnnxTensor.createTensor(environment, Fp16Conversions.convertFloatBufferToFp16Buffer(held), shape,
                        OnnxJavaType.FLOAT16)
                : OnnxTensor.createTensor(environment, held, shape);
    }

    private static Map<String, OnnxTensor> inputs(OrtEnvironment environment, Step step) throws OrtException {
        int rows = step.tokens[0].length;
        int keep = step.keep[0].length;
        boolean[][][] mask = new boolean[BATCH][rows][keep + rows];
        for (boolean[][] sequence : mask) {
            for (int t = 0; t < rows; t++) {
                for (int w = 0; w <= keep + t; w++) {
                    sequence[t][w] = true;
                }
            }
        }
        Map<String, OnnxTensor> inputs = new HashMap<>();
        inputs.put("input_ids", OnnxTensor.createTensor(environment, step.tokens));
        inputs.put("position_ids", OnnxTensor.createTensor(environment, step.positions));
        inputs.put("window_start", OnnxTensor.createTensor(environment, step.windowStart));
        inputs.put("window_mask", OnnxTensor.createTensor(environment, mask));
        inputs.put("keep_rows", OnnxTensor.createTensor(environment, LongBuffer.wrap(
                IntStream.range(0, BATCH).mapToObj(b -> step.keep[b]).flatMapToLong(Arrays::stream).toArray()),
                new long[] { BATCH, keep }));
        inputs.put("output_rows", OnnxTensor.createTensor(environment,
                IntStream.range(0, BATCH).mapToObj(b -> LongStream.range(0, rows).toArray())
                        .toArray(long[][]::new)));
        return inputs;
    }
}
