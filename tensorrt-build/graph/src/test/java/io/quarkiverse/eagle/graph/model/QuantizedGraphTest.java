package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.platform.Fp16Conversions;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints.Form;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Graphs that keep a checkpoint's quantised weights, on ONNX Runtime's CPU kernels, against plain arithmetic. */
class QuantizedGraphTest {

    private static final int GROUP = 32;

    @TempDir
    Path folder;

    /** Measured: at most 0.005 for int4 and 0.13 for fp8, whose activations have four significant bits. */
    @ParameterizedTest
    @CsvSource({ "AWQ, false, 1e-2", "AWQ, true, 1e-2", "GPTQ, false, 1e-2", "GPTQ_SYMMETRIC, false, 1e-2",
            "GPTQ_V2, false, 1e-2", "COMPRESSED_INT4, true, 1e-2", "MODELOPT, false, 2e-1", "COMPRESSED, true, 2e-1" })
    void followsTheSameModelInSinglePrecision(Form form, boolean biases, double tolerance) throws IOException, OrtException {
        ModelConfig config = QuantizedCheckpoints.small(biases);
        write(config, form);
        Bundle own = build("own", GraphOptions.Runtime.TENSORRT, form.int4() ? Precision.INT4_FP16 : Precision.FP8_FP16);
        List<Map<String, float[]>> exact = PlainSession.run(build("plain", GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32),
                config);
        List<Map<String, float[]>> quantized = PlainSession.run(own, config);
        for (int i = 0; i < exact.size(); i++) {
            for (String output : List.of("top_logits", "log_z", "features")) {
                float[] expected = exact.get(i).get(output);
                float[] found = quantized.get(i).get(output);
                assertThat(found).as("step %d, %s", i, output).hasSameSizeAs(expected);
                assertThat(error(expected, found)).as("step %d, %s", i, output).isBetween(1e-6, tolerance);
            }
        }
    }

    /** The error's size relative to that of the values. */
    private static double error(float[] expected, float[] found) {
        double error = 0;
        double size = 0;
        for (int i = 0; i < found.length; i++) {
            error += (found[i] - expected[i]) * (double) (found[i] - expected[i]);
            size += expected[i] * (double) expected[i];
        }
        return Math.sqrt(error / size);
    }

    /** What has no kernel for quantised weights reads the same model. */
    @ParameterizedTest
    @EnumSource(Form.class)
    void aGraphInSinglePrecisionIsTheOneOfTheModelWhoseWeightsAreFloats(Form form) throws IOException {
        write(QuantizedCheckpoints.small(false), form);
        Bundle own = build("own", GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32);
        Bundle plain = build("plain", GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32);
        for (String file : List.of("target/model.onnx", "target/weights.bin")) {
            assertThat(own.file(file)).as(file).hasSameBinaryContentAs(plain.file(file));
        }
        assertThat(build("own", GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8).manifest().precision()).isEqualTo("int8");
    }

    /** Rows through one stacked projection, with inputs rounded as the format's definition says. */
    @ParameterizedTest
    @EnumSource(names = { "AWQ", "GPTQ_SYMMETRIC", "COMPRESSED_INT4", "MODELOPT", "COMPRESSED" })
    void aProjectionMultipliesWithWhatItsLevelsStandFor(Form form) throws IOException, OrtException {
        ModelConfig config = QuantizedCheckpoints.small(true);
        write(config, form);
        String prefix = "model.layers.0.self_attn.";
        int hidden = config.hidden();
        int[] widths = { 64, 32, 32 };
        String[] names = { "q_proj", "k_proj", "v_proj" };
        int rows = 5;
        float[] x = new float[rows * hidden];
        Random random = new Random(8);
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (Math.rint(random.nextGaussian() * 128) / 128);
        }
        Path file = folder.resolve("projection.onnx");
        OnnxGraph graph = new OnnxGraph("projection");
        try (HuggingFaceModel model = HuggingFaceModel.open(folder.resolve("own"));
                WeightFile weightFile = new WeightFile(folder.resolve("weights.bin"), "weights.bin")) {
            Weights weights = new Weights(graph, weightFile, "weights.bin", ProgressListener.NONE);
            Projections projections = new QuantizedProjections(
                    new Projections.Floating(graph, weights, ElementType.FLOAT16));
            Value input = graph.input("x", ElementType.FLOAT16, "rows", hidden);
            List<Rows> parts = new java.util.ArrayList<>();
            List<Projections.Bias> biases = new java.util.ArrayList<>();
            for (int i = 0; i < 3; i++) {
                parts.add(Rows.of(model.checkpoint(), prefix + names[i] + ".weight", widths[i], hidden));
                biases.add(new Projections.Bias(model.checkpoint(), prefix + names[i] + ".bias", widths[i], null));
            }
            graph.output(projections.project(projections.prepare(input), "qkv", parts, biases), ElementType.FLOAT16, "rows",
                    128);
            graph.write(file);
        }
        float[] found = run(file, x, rows, hidden);
        try (HuggingFaceModel plain = HuggingFaceModel.open(folder.resolve("plain"))) {
            int column = 0;
            for (int i = 0; i < 3; i++) {
                float[] w = read(plain, prefix + names[i] + ".weight", widths[i] * hidden);
                float[] b = read(plain, prefix + names[i] + ".bias", widths[i]);
                double scale = form == Form.COMPRESSED && i == 2 ? 5 / 256.0 : 1 / 64.0;
                for (int n = 0; n < widths[i]; n++, column++) {
                    for (int r = 0; r < rows; r++) {
                        double sum = b[n];
                        double sizes = Math.abs(b[n]);
                        for (int k = 0; k < hidden; k++) {
                            double value = form.int4() ? x[r * hidden + k] : scale * nearest(x[r * hidden + k] / scale);
                            sum += value * w[n * hidden + k];
                            sizes += Math.abs(value * w[n * hidden + k]);
                        }
                        assertThat((double) found[r * 128 + column]).as("row %d, %s %d", r, names[i], n)
                                .isCloseTo(sum, org.assertj.core.data.Offset.offset(2e-3 * Math.max(1, sizes)));
                    }
                }
            }
        }
    }

    @Test
    void weightsKeepTheirFourAndEightBits() throws IOException {
        ModelConfig config = new ModelConfig("llama", 64, 256, 1024, 2, 4, 2, 64, 1e-5, 10000, new RopeScaling.None(), true,
                false, 128, 1, List.of(2));
        long matrices = 2L * (256 * 64 * (2 * 4 + 2 * 2) + 3 * 256 * 1024);
        long[] bytes = new long[3];
        write(config, Form.AWQ);
        bytes[0] = onDisk("own", Precision.INT4_FP16);
        bytes[2] = onDisk("own", Precision.FP16);
        write(config, Form.MODELOPT);
        bytes[1] = onDisk("own", Precision.FP8_FP16);
        // Tensors begin on pages, so that many small ones take more than their bytes.
        assertThat(bytes[2] - bytes[0]).isGreaterThan(matrices);
        assertThat(bytes[2] - bytes[1]).isGreaterThan(matrices * 3 / 4);
    }

    @ParameterizedTest
    @CsvSource({ "AWQ, int4-fp16", "GPTQ_SYMMETRIC, int4-fp16", "MODELOPT, fp8-fp16" })
    void aCheckpointHasAPrecisionOfItsOwn(Form form, String precision) throws IOException {
        write(QuantizedCheckpoints.small(false), form);
        try (HuggingFaceModel own = HuggingFaceModel.open(folder.resolve("own"));
                HuggingFaceModel plain = HuggingFaceModel.open(folder.resolve("plain"))) {
            assertThat(Precision.of(own.checkpoint()).text()).isEqualTo(precision);
            assertThat(Precision.of(plain.checkpoint())).isEqualTo(Precision.FP16);
        }
    }

    @Test
    void refusesWhatTheCheckpointCannotGiveBeforeAnythingIsWritten() {
        write(QuantizedCheckpoints.small(false), Form.COMPRESSED_DYNAMIC);
        assertThatThrownBy(() -> build("own", GraphOptions.Runtime.TENSORRT, Precision.FP8_FP16))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("no input_scale", "per token", "static input scales", "use fp16");
        assertThatThrownBy(() -> build("own", GraphOptions.Runtime.TENSORRT, Precision.INT4_BF16))
                .isInstanceOf(CheckpointException.class).hasMessageContainingAll("takes int4 weights", "has fp8 weights");
        assertThatThrownBy(() -> build("plain", GraphOptions.Runtime.TENSORRT, Precision.INT4_FP16))
                .isInstanceOf(CheckpointException.class).hasMessageContainingAll("none that are quantised", "use fp16");
        assertThatThrownBy(() -> build("own", GraphOptions.Runtime.ONNXRUNTIME, Precision.FP8_FP16))
                .hasMessageContainingAll("no fp8-fp16 attention", "int8 or fp32, which read quantised checkpoints too");
        assertThat(folder).isDirectoryNotContaining("glob:**bundle*");
    }

    @ParameterizedTest
    @CsvSource({ "AWQ, INT4_FP16, 0", "MODELOPT, FP8_FP16, 1e-8", "MODELOPT, FP8_BF16, -1" })
    void refusesScalesThatTensorRtCannotDivideBy(Form form, Precision precision, float scale) {
        QuantizedCheckpoints.writeSparse(folder.resolve("own"), QuantizedCheckpoints.small(false), form, GROUP, scale);
        assertThatThrownBy(() -> build("own", GraphOptions.Runtime.TENSORRT, precision))
                .isInstanceOf(CheckpointException.class).hasMessageContainingAll("model.layers.0.self_attn.qkv", "a scale of",
                        "not positive");
        assertThat(folder).isDirectoryNotContaining("glob:**bundle*");
    }

    private void write(ModelConfig config, Form form) {
        QuantizedCheckpoints.write(folder.resolve("own"), folder.resolve("plain"), config, form, GROUP, 23);
    }

    private long onDisk(String model, Precision precision) throws IOException {
        return Files.size(build(model, GraphOptions.Runtime.TENSORRT, precision).file("target/weights.bin"));
    }

    private Bundle build(String model, GraphOptions.Runtime runtime, Precision precision) throws IOException {
        Files.writeString(folder.resolve(model).resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle-" + model + "-" + precision.text());
        try (HuggingFaceModel source = HuggingFaceModel.open(folder.resolve(model), "a model")) {
            new BundleBuilder(new GraphOptions(runtime, precision, KvUpdate.FUNCTIONAL, PlainSession.BATCH, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        return Bundle.open(out);
    }

    private static float[] read(HuggingFaceModel model, String tensor, int length) {
        float[] values = new float[length];
        model.checkpoint().read(tensor, 0, values, 0, length);
        return values;
    }

    /** The nearest of all numbers that there are, the even one of two. */
    private static double nearest(double value) {
        int best = 0;
        for (int code = 0; code < 256; code++) {
            double distance = Math.abs(QuantizedCheckpoints.e4m3(code) - value);
            double least = Math.abs(QuantizedCheckpoints.e4m3(best) - value);
            if ((code & 127) != 127 && (distance < least || distance == least && (code & 1) == 0)) {
                best = code;
            }
        }
        return QuantizedCheckpoints.e4m3(best);
    }

    private static float[] run(Path graph, float[] x, int rows, int columns) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
                OrtSession session = environment.createSession(graph.toString(), PlainSession.asWritten(options));
                OnnxTensor input = OnnxTensor.createTensor(environment,
                        Fp16Conversions.convertFloatBufferToFp16Buffer(FloatBuffer.wrap(x)),
                        new long[] { rows, columns }, OnnxJavaType.FLOAT16);
                OrtSession.Result result = session.run(Map.of("x", input))) {
            FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
            float[] copy = new float[values.remaining()];
            values.get(copy);
            return copy;
        }
    }
}
