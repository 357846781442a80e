package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** Exactness of int8 targets whose attention has other shapes than the shipped model's: kernels differ by shape. */
class GeneratedExactnessTest {

    private static final int[] LENGTHS = { 70, 130, 200, 330 };
    private static final int SEEDS = 4;

    @TempDir
    Path folder;

    enum Shape {
        ONE_KEY_PER_QUERY(2, 2, 64, false),
        MANY_QUERIES_PER_KEY(8, 1, 32, false),
        NARROW_HEADS(4, 4, 8, true),
        WIDE_HEADS(1, 1, 128, true);

        private final ModelConfig config;

        Shape(int heads, int kvHeads, int headDim, boolean biases) {
            config = new ModelConfig(biases ? "qwen2" : "llama", 300, 96, 160, 2, heads, kvHeads, headDim, 1e-5, 10000,
                    new RopeScaling.None(), false, biases, 1024, 1, List.of(2));
        }
    }

    @ParameterizedTest
    @EnumSource
    void speculationNeverChangesARow(Shape shape) throws IOException {
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), shape.config, "F32", 29);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(model)) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE,
                    LENGTHS.length, 512, 0), ProgressListener.NONE).build(source, null, List.of(), out);
        }
        Bundle bundle = Bundle.open(out);
        int[][] texts = new int[LENGTHS.length][];
        TargetRow[][] plain = new TargetRow[LENGTHS.length][];
        try (EnginePair engines = open(bundle)) {
            PlainSteps steps = new PlainSteps(engines.target());
            for (int i = 0; i < LENGTHS.length; i++) {
                texts[i] = new Random(i).ints(LENGTHS[i], 0, shape.config.vocabulary()).toArray();
                TargetRow[] rows = new TargetRow[LENGTHS[i]];
                steps.read(i, texts[i], 0, LENGTHS[i], 1,
                        (position, result, row) -> rows[position] = TargetRow.of(result, 0, row));
                plain[i] = rows;
            }
        }
        for (int seed = 0; seed < SEEDS; seed++) {
            try (EnginePair engines = open(bundle)) {
                Replay replay = new Replay(engines.target(), seed);
                for (int i = 0; i < LENGTHS.length; i++) {
                    replay.add(texts[i], plain[i], (i + seed) % LENGTHS.length);
                }
                assertThat(replay.run()).isPositive();
            }
        }
    }

    private static EnginePair open(Bundle bundle) {
        return OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(0, 2, false));
    }
}
