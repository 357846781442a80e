package io.quarkiverse.eagle.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ForkJoinPool;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

    private static void open(String name, Map<String, String> properties) {
        EagleConfig config = new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(EagleConfig.class)
                .withSources(new PropertiesConfigSource(properties, "test", 100)).build()
                .getConfigMapping(EagleConfig.class);
        new ModelOpening(name, config.models().get(name), ForkJoinPool.commonPool(),
                () -> null).open();
    }
}
