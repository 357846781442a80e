package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * Graphs that hand back a whole new pool, for hosts that cannot alias it, against those that write in place. The engine in this
 * process refuses the former by design, so both run in plain sessions here.
 */
class FunctionalUpdateTest {

    private static final int POOL_ROWS = 64;
    private static final int BATCH = 2;

    @TempDir
    Path folder;

    /** One step of two sequences: rows see the kept rows that are theirs and everything before themselves. */
    private record Step(long[] windowStart, long[][] keep, long[][] tokens, long[][] positions) {
    }

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = { "INT8", "FP32" })
    void givesTheOutputsAndThePoolOfAnUpdateInPlace(Precision precision) throws IOException, OrtException {
        ModelConfig config = GeneratedCheckpoints.smallLlama();
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 31);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        List<Step> steps = List.of(
                new Step(new long[] { 0, 0 }, new long[][] { {}, {} }, new long[][] { { 5, 6, 7, 8 }, { 9, 10, 11, 12 } },
                        new long[][] { { 0, 1, 2, 3 }, { 0, 1, 2, 3 } }),
                new Step(new long[] { 4, 3 }, new long[][] { {}, {} }, new long[][] { { 20, 21, 22 }, { 30, 31, 32 } },
                        new long[][] { { 4, 5, 5 }, { 3, 4, 4 } }),
                new Step(new long[] { 4, 3 }, new long[][] { { 4, 6 }, { 5, 3 } },
                        new long[][] { { 40, 41, 42 }, { 50, 51, 52 } }, new long[][] { { 6, 7, 8 }, { 5, 6, 7 } }));

        List<Map<String, float[]>> inPlace = run(build(model, precision, KvUpdate.IN_PLACE), config, steps);
        List<Map<String, float[]>> functional = run(build(model, precision, KvUpdate.FUNCTIONAL), config, steps);

        for (int i = 0; i < steps.size(); i++) {
            int step = i;
            assertThat(functional.get(i).keySet()).isEqualTo(inPlace.get(i).keySet());
            inPlace.get(i).forEach(
                    (name, values) -> assertThat(functional.get(step).get(name)).as("step %d, %s", step, name)
                            .containsExactly(values));
        }
    }

    private Bundle build(Path model, Precision precision, KvUpdate update) throws IOException {
        Path out = folder.resolve(update.text());
        try (HuggingFaceModel source = HuggingFaceModel.open(model)) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, update, BATCH, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        return Bundle.open(out);
    }

    /** The floating-point outputs of each step; each step's new pool is the next one's past. */
    private static List<Map<String, float[]>> run(Bundle bundle, ModelConfig config, List<Step> steps) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        List<Map<String, float[]>> outputs = new ArrayList<>();
        Map<String, float[]> pool = new HashMap<>();
        long[] poolShape = { BATCH, config.kvHeads(), POOL_ROWS, config.headDim() };
        int poolSize = BATCH * config.kvHeads() * POOL_ROWS * config.headDim();
        try (OrtSession session = environment.createSession(bundle.file(bundle.manifest().targetGraph().file()).toString())) {
            for (Step step : steps) {
                Map<String, OnnxTensor> inputs = inputs(environment, step);
                for (String name : session.getInputNames()) {
                    if (name.startsWith("past_")) {
                        float[] past = pool.getOrDefault(name.replace("past_", "present_"), new float[poolSize]);
                        inputs.put(name, OnnxTensor.createTensor(environment, FloatBuffer.wrap(past), poolShape));
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
        inputs.put("keep_rows", OnnxTensor.createTensor(environment, java.nio.LongBuffer.wrap(
                IntStream.range(0, BATCH).mapToObj(b -> step.keep[b]).flatMapToLong(java.util.Arrays::stream).toArray()),
                new long[] { BATCH, keep }));
        inputs.put("output_rows", OnnxTensor.createTensor(environment,
                IntStream.range(0, BATCH).mapToObj(b -> java.util.stream.LongStream.range(0, rows).toArray())
                        .toArray(long[][]::new)));
        return inputs;
    }
}
