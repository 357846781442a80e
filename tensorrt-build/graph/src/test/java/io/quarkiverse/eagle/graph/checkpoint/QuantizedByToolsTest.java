package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import ai.onnxruntime.platform.Fp16Conversions;

/**
 * Checkpoints that public tools wrote (by the programs beside them), against the numbers that the tools, or PyTorch, read from
 * them.
 */
class QuantizedByToolsTest {

    private static final Path FOLDER = Path.of("src/test/resources/quantised");

    @ParameterizedTest
    @ValueSource(strings = { "compressed-tensors-fp8", "compressed-tensors-int4", "modelopt-fp8" })
    void readsWhatTheToolsRead(String form) throws IOException {
        try (HuggingFaceModel model = HuggingFaceModel.open(FOLDER.resolve(form));
                Checkpoint expected = SafetensorsCheckpoint.open(FOLDER.resolve(form).resolve("expected.safetensors"))) {
            assertThat(expected.tensors()).hasSize(7);
            for (TensorInfo tensor : expected.tensors().values()) {
                assertThat(model.checkpoint().tensor(tensor.name()).type())
                        .isEqualTo(form.substring(form.lastIndexOf('-') + 1));
                float[] wanted = new float[(int) tensor.elements()];
                expected.read(tensor.name(), 0, wanted, 0, wanted.length);
                float[] found = new float[wanted.length];
                model.checkpoint().read(tensor.name(), 0, found, 0, found.length);
                for (int i = 0; i < found.length; i++) {
                    found[i] = Fp16Conversions.fp16ToFloat(Fp16Conversions.floatToFp16(found[i]));
                }
                assertThat(found).as(tensor.name()).containsExactly(wanted);
            }
        }
    }

    @Test
    void findsTheScaleOfTheInputs() throws IOException {
        try (HuggingFaceModel model = HuggingFaceModel.open(FOLDER.resolve("compressed-tensors-fp8"))) {
            Float8Matrix matrix = (Float8Matrix) model.checkpoint().quantized("model.layers.0.mlp.down_proj.weight");
            assertThat(matrix.inputScale()).isCloseTo(0.0123f, within(1e-5f));
        }
    }
}
