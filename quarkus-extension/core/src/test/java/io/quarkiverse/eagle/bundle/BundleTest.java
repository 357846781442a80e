package io.quarkiverse.eagle.bundle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Heads that a manifest describes and that cannot belong to its target. */
class BundleTest {

    private static final int FEATURE_SIZE = 32;
    private static final int VOCABULARY = 100;
    private static final List<String> FILES = List.of(BundleManifest.TOKENIZER, "model.onnx");

    @TempDir
    Path folder;

    @BeforeEach
    void writeFiles() throws IOException {
        for (String file : FILES) {
            Files.writeString(folder.resolve(file), "{}");
        }
    }

    private static BundleManifest.Graph graph(String kind, int featureSize, int vocabulary) {
        return new BundleManifest.Graph(kind, "model.onnx", null, 1, 1, 4, "float32", featureSize, 8, vocabulary, 16, null,
                null);
    }

    private Bundle open(BundleManifest.Graph head) throws IOException {
        boolean eagle = head.kind().equals("eagle");
        Bundle.write(folder, new BundleManifest(BundleManifest.FORMAT_VERSION, "Tiny", "made up", "made up", "onnxruntime",
                "fp32", "in-place", 64, 1, -1, List.of(),
                new BundleManifest.Model("llama", VOCABULARY, FEATURE_SIZE, 4, 1, 1, 1, 4, 1e-5, 1e4, true),
                graph("target", FEATURE_SIZE, VOCABULARY), eagle ? head : null, eagle ? List.of() : List.of(head), null,
                List.of(), Bundle.describe(folder, FILES), null, null));
        return Bundle.open(folder);
    }

    @ParameterizedTest
    @CsvSource({ "eagle, 40, 100", "eagle, 32, 101", "medusa, 24, 100", "medusa, 32, 150", "hydra, 33, 100", "hydra, 32, 101" })
    void aHeadOfAnotherWidthOrWithMoreTokensThanTheTargetIsRefused(String kind, int featureSize, int vocabulary) {
        assertThatThrownBy(() -> open(graph(kind, featureSize, vocabulary))).isInstanceOf(BundleException.class)
                .hasMessageContainingAll("(" + kind + ")", "features of " + featureSize + " numbers and " + vocabulary,
                        "have 32 numbers and it has 100 tokens", "another model's", "Build the bundle again");
    }

    @Test
    void aHeadThatProposesSomeOfTheTargetsTokensIsTaken() throws IOException {
        for (String kind : List.of("eagle", "medusa", "hydra")) {
            assertThat(open(graph(kind, FEATURE_SIZE, 50)).folder()).isEqualTo(folder);
        }
    }
}
