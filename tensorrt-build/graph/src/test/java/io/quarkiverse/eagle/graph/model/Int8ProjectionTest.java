package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints.Form;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Rows that cannot be divided by their largest value. */
class Int8ProjectionTest {

    private static final int WIDTH = 32;

    @TempDir
    Path folder;

    @Test
    void aRowOfZerosStaysZerosBesideOthers() throws IOException, OrtException {
        assertZeros(Projections.Int8::prepare);
    }

    @Test
    void aRowOfZerosStaysZerosWhenItIsNormalised() throws IOException, OrtException {
        assertZeros((int8, rows) -> int8.prepareNormalised(rows, width(), 1e-5));
    }

    private static int width() {
        return QuantizedCheckpoints.small(false).hidden();
    }

    private void assertZeros(BiFunction<Projections.Int8, Value, Projections.Prepared> preparation)
            throws IOException, OrtException {
        ModelConfig config = QuantizedCheckpoints.small(false);
        QuantizedCheckpoints.write(folder.resolve("own"), folder.resolve("plain"), config, Form.AWQ, WIDTH, 23);
        OnnxGraph graph = new OnnxGraph("projection");
        try (HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("plain"));
                WeightFile file = new WeightFile(folder.resolve("weights.bin"), "weights.bin")) {
            Weights weights = new Weights(graph, file, "weights.bin", ProgressListener.NONE);
            Value input = graph.input("x", ElementType.FLOAT, "rows", config.hidden());
            Projections.Int8 int8 = new Projections.Int8(graph, weights, input);
            String name = "model.layers.0.self_attn.k_proj.weight";
            graph.output(int8.project(preparation.apply(int8, input), name,
                    List.of(Rows.of(model.checkpoint(), name, WIDTH, config.hidden())), List.of()), ElementType.FLOAT, "rows",
                    WIDTH);
            graph.write(folder.resolve("projection.onnx"));
        }
        float[] x = new float[3 * config.hidden()];
        for (int k = 0; k < config.hidden(); k++) {
            x[k] = k % 7 - 3;
            x[2 * config.hidden() + k] = k % 5 - 2;
        }
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(folder.resolve("projection.onnx").toString());
                OnnxTensor rows = OnnxTensor.createTensor(environment, FloatBuffer.wrap(x), new long[] { 3, config.hidden() });
                OrtSession.Result result = session.run(Map.of("x", rows))) {
            float[][] found = (float[][]) result.get(0).getValue();
            assertThat(found[0]).doesNotContain(Float.NaN).isNotEqualTo(new float[WIDTH]);
            for (float value : found[1]) {
                assertThat(value).isCloseTo(0, within(0f));
            }
            assertThat(found[2]).doesNotContain(Float.NaN).isNotEqualTo(new float[WIDTH]);
        }
    }
}
