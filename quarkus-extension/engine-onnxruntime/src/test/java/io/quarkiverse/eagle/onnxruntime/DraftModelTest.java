package io.quarkiverse.eagle.onnxruntime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletionStage;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/** A draft model that does not fit is refused before any of its engines is opened. */
class DraftModelTest {

    @TempDir
    Path folder;

    private final Closes target = new Closes();

    /** The target's engine, which only has to be closed. */
    private static final class Closes implements Engine {
        private boolean closed;

        @Override
        public EngineShape shape() {
            return new EngineShape(1, 64, 16, 8, 100, 4, false);
        }

        @Override
        public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
            throw new AssertionError("no step is wanted");
        }

        @Override
        public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
            throw new AssertionError("no logits are wanted");
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private Bundle bundle(String name, int vocabulary, String tokenizer) throws IOException {
        Path bundle = Files.createDirectories(folder.resolve(name));
        Files.writeString(bundle.resolve(BundleManifest.TOKENIZER), tokenizer);
        Files.writeString(bundle.resolve("model.onnx"), "no graph");
        Bundle.write(bundle, new BundleManifest(BundleManifest.FORMAT_VERSION, name, name, null, "onnxruntime", "fp32",
                "in-place", 64, 1, -1, List.of(),
                new BundleManifest.Model("llama", vocabulary, 4, 4, 1, 1, 1, 4, 1e-5, 1e4, true),
                new BundleManifest.Graph("target", "model.onnx", null, 1, 1, 4, "float32", 4, 8, vocabulary, 16, List.of(),
                        List.of()),
                null, null, List.of(), Bundle.describe(bundle, List.of(BundleManifest.TOKENIZER, "model.onnx")), null));
        return Bundle.open(bundle);
    }

    private void assertRefused(Bundle model, Bundle draft, String... reasons) {
        EnginePair engines = new EnginePair(target, null);
        assertThatThrownBy(() -> OnnxRuntimeEngines.withDraftModel(model, engines, draft, OnnxRuntimeOptions.defaults()))
                .isInstanceOf(BundleException.class).hasMessageContainingAll(reasons);
        assertThat(target.closed).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = { 99, 101 })
    void refusesASmallerOrLargerVocabulary(int vocabulary) throws IOException {
        assertRefused(bundle("large", 100, "{}"), bundle("small", vocabulary, "{}"), "has a vocabulary of " + vocabulary,
                "large has 100", "with the target's tokenizer");
    }

    @Test
    void refusesAnotherTokenizerOfTheSameSize() throws IOException {
        assertRefused(bundle("large", 100, "{}"), bundle("small", 100, "{\"version\": 2}"), "another tokenizer.json",
                "SHA-256", "with the target's tokenizer");
    }

    @Test
    void opensTheGraphOfOneThatFits() throws IOException {
        // That there is no graph in it is found only when the tokens have been found to fit.
        Bundle fits = bundle("small", 100, "{}");
        EnginePair engines = new EnginePair(target, null);
        assertThatThrownBy(() -> OnnxRuntimeEngines.withDraftModel(fits, engines, fits, OnnxRuntimeOptions.defaults()))
                .hasMessageContaining("the engines of " + fits.folder() + " cannot be opened");
        assertThat(target.closed).isTrue();
    }
}
