package io.quarkiverse.eagle.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ForkJoinPool;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

class ModelOpeningTest {

    @TempDir
    Path folder;

    @Test
    void aMissingBundleNamesThePropertyAndTheCommandThatBuildsOne() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of()))
                .isInstanceOfSatisfying(ConfigurationException.class,
                        e -> assertThat(e.getConfigKeys()).containsExactly("quarkus.eagle.bundle"))
                .hasMessageStartingWith("quarkus.eagle.bundle is not set")
                .hasMessageContaining("`eagle build ");
    }

    @Test
    void aMissingBundleOfANamedModelNamesItsOwnProperty() {
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.bundle", folder.toString())))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.\"coder\".bundle is not set");
    }

    @Test
    void aFolderThatIsNoBundleNamesThePropertyAndKeepsTheReason() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle.bundle", folder.toString())))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.bundle cannot be used: ")
                .hasMessageContaining(folder + " is no engine bundle");
    }

    @Test
    void aDamagedManifestNamesThePropertyAndKeepsTheReason() throws IOException {
        Files.writeString(folder.resolve("bundle.json"), "{ \"format_version\" : ");
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.bundle", folder.toString())))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.\"coder\".bundle cannot be used: ")
                .hasMessageContaining("bundle.json is damaged");
    }

    @Test
    void anUnknownDrafterNamesThePropertyAndTheChoices() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle.drafter", "abacus")))
                .hasMessageContaining("quarkus.eagle.drafter")
                .hasMessageContaining("eagle2").hasMessageContaining("none");
    }

    @Test
    void anUnknownAcceptanceNamesThePropertyAndTheChoices() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle.acceptance", "perhaps")))
                .hasMessageContaining("quarkus.eagle.acceptance")
                .hasMessageContaining("coupled").hasMessageContaining("rejection");
    }

    @Test
    void rejectionWithAnotherDrafterThanSpeculativeNamesThePropertyAndTheDrafter() {
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.acceptance", "rejection",
                "quarkus.eagle.coder.drafter", "pld", "quarkus.eagle.coder.bundle", folder.toString())))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.\"coder\".acceptance cannot be used: ")
                .hasMessageContainingAll("drafter is \"pld\"", "choose drafter \"speculative\"");
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL,
                Map.of("quarkus.eagle.acceptance", "rejection", "quarkus.eagle.bundle", folder.toString())))
                .hasMessageStartingWith("quarkus.eagle.acceptance cannot be used: ")
                .hasMessageContaining("the model's standard one");
    }

    @Test
    void rejectionWithTheDrafterSpeculativeIsTaken() {
        // The folder is no bundle, which is looked at later.
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle.acceptance", "rejection",
                "quarkus.eagle.drafter", "speculative", "quarkus.eagle.bundle", folder.toString())))
                .hasMessageStartingWith("quarkus.eagle.bundle cannot be used: ");
    }

    @Test
    void anUnknownEngineNamesThePropertyAndTheChoices() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle.engine", "abacus")))
                .hasMessageContaining("quarkus.eagle.engine").hasMessageContaining("onnxruntime");
    }

    @Test
    void aBudgetOutOfRangeNamesTheProperty() {
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.\"coder\".budget.nodes", "500",
                "quarkus.eagle.\"coder\".budget.top-k", "10", "quarkus.eagle.\"coder\".budget.depth", "6")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.\"coder\".budget cannot be used: nodes is 500");
    }

    @Test
    void aBudgetWithoutAllOfItsNumbersNamesTheMissingOne() {
        assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL,
                Map.of("quarkus.eagle.budget.nodes", "60", "quarkus.eagle.budget.top-k", "10")))
                .hasMessageContaining("quarkus.eagle.budget.depth");
    }

    @Test
    void aDraftModelThatIsNoBundleOrHasOtherTokensNamesThePropertyAndTheReason() throws IOException {
        Path target = bundle("target", 100, "{}");
        for (Map.Entry<Path, String> wrong : Map.of(folder.resolve("nothing"), "is no engine bundle",
                bundle("larger", 101, "{}"), "has a vocabulary of 101, but target has 100",
                bundle("other", 100, "{\"version\": 2}"), "has another tokenizer.json").entrySet()) {
            assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.bundle", target.toString(),
                    "quarkus.eagle.coder.drafter", "speculative",
                    "quarkus.eagle.coder.draft-bundle", wrong.getKey().toString())))
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessageStartingWith("quarkus.eagle.\"coder\".draft-bundle cannot be used: ")
                    .hasMessageContaining(wrong.getValue());
        }
    }

    /** A bundle without a graph that would open. */
    private Path bundle(String name, int vocabulary, String tokenizer) throws IOException {
        Path bundle = Files.createDirectories(folder.resolve(name));
        Files.writeString(bundle.resolve(BundleManifest.TOKENIZER), tokenizer);
        Files.writeString(bundle.resolve("model.onnx"), "no graph");
        Bundle.write(bundle, new BundleManifest(BundleManifest.FORMAT_VERSION, name, name, null, "onnxruntime", "fp32",
                "in-place", 64, 1, -1, List.of(),
                new BundleManifest.Model("llama", vocabulary, 4, 4, 1, 1, 1, 4, 1e-5, 1e4, true),
                new BundleManifest.Graph("target", "model.onnx", null, 1, 1, 4, "float32", 4, 8, vocabulary, 16, List.of(),
                        List.of()),
                null, null, List.of(), Bundle.describe(bundle, List.of(BundleManifest.TOKENIZER, "model.onnx")), null));
        return bundle;
    }

    @Test
    void countsThatAreNotPositiveNameTheirProperty() {
        for (String property : new String[] { "slots", "threads", "queue-limit", "max-prompt-tokens", "max-tokens",
                "default-max-tokens", "tenant-limit", "tenant-queue-limit" }) {
            assertThatThrownBy(() -> open(EagleConfig.DEFAULT_MODEL, Map.of("quarkus.eagle." + property, "0")))
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage("quarkus.eagle." + property + " is 0; it must be at least 1");
        }
    }

    @Test
    void timesThatAreNotPositiveNameTheirProperty() {
        for (String property : new String[] { "queue-timeout", "parking-timeout", "abandonment-timeout" }) {
            assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder." + property, "0s")))
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage("quarkus.eagle.\"coder\"." + property + " is PT0S; it must be positive");
        }
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.shutdown-timeout", "PT-1S")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("quarkus.eagle.\"coder\".shutdown-timeout is PT-1S");
    }

    @Test
    void anEndpointThatIsNoneNamesTheProperty() {
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.engine", "triton",
                "quarkus.eagle.coder.triton.endpoints", "gpu-1:eight")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.\"coder\".triton cannot be used: ")
                .hasMessageContaining("gpu-1:eight");
    }

    @Test
    void anEndpointThatIsNamedTwiceIsRefusedWhereRequestsAreSpread() {
        assertThatThrownBy(() -> open("coder", Map.of("quarkus.eagle.coder.engine", "triton",
                "quarkus.eagle.coder.triton.endpoints", "gpu-1,gpu-2:8001,gpu-1:8001",
                "quarkus.eagle.coder.triton.spread", "true")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessage("quarkus.eagle.\"coder\".triton.endpoints cannot be used: gpu-1:8001 is named twice");
    }

    private static void open(String name, Map<String, String> properties) {
        EagleConfig config = new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(EagleConfig.class)
                .withSources(new PropertiesConfigSource(properties, "test", 100)).build()
                .getConfigMapping(EagleConfig.class);
        new ModelOpening(name, config.models().get(name), ForkJoinPool.commonPool(),
                () -> null, List.of()).open();
    }
}
