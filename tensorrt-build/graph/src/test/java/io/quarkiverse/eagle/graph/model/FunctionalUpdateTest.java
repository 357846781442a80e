package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import ai.onnxruntime.OrtException;
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

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = { "INT8", "FP32" })
    void givesTheOutputsAndThePoolOfAnUpdateInPlace(Precision precision) throws IOException, OrtException {
        ModelConfig config = GeneratedCheckpoints.smallLlama();
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 31);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        List<Map<String, float[]>> inPlace = PlainSession.run(build(model, precision, KvUpdate.IN_PLACE), config);
        List<Map<String, float[]>> functional = PlainSession.run(build(model, precision, KvUpdate.FUNCTIONAL), config);

        for (int i = 0; i < PlainSession.STEPS.size(); i++) {
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
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, update, PlainSession.BATCH, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        return Bundle.open(out);
    }
}
