package io.quarkiverse.eagle.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

/** What makes a model another one. */
class ModelOriginTest {

    private static final String GRAPH = "target/model.onnx";

    @TempDir
    Path folder;

    @BeforeEach
    void writeBundle() throws IOException {
        Files.createDirectory(folder.resolve("target"));
        Files.writeString(folder.resolve(BundleManifest.TOKENIZER), "{}");
        Files.writeString(folder.resolve(GRAPH), "no real graph");
        writeManifest("toy");
    }

    private void writeManifest(String name) throws IOException {
        BundleManifest.Graph graph = new BundleManifest.Graph("target", GRAPH, null, 1, 1, 1, "float32", 3, 4, 10, 8, List.of(),
                List.of());
        Bundle.write(folder, new BundleManifest(BundleManifest.FORMAT_VERSION, name, "toy", null, "onnxruntime", "fp32",
                "in-place", 64, 1, -1, List.of(), new BundleManifest.Model("toy", 10, 3, 1, 1, 1, 1, 1, 1e-5, 1e4, true), graph,
                null, null, List.of(), Bundle.describe(folder, List.of(BundleManifest.TOKENIZER, GRAPH)), null));
    }

    @Test
    void theSameConfigurationAndFilesAreTheSameModel() {
        Map<String, String> settings = Map.of("threads", "2", "triton.headers.key", "SECRET", "budget.nodes", "8",
                "budget.top-k", "10", "budget.depth", "6");
        assertThat(origin(settings)).isNotNull().isEqualTo(origin(settings));
    }

    @ParameterizedTest
    @CsvSource({ "slots, 2", "spinning, true", "drafter, pld", "queue-timeout, 5s", "budget.nodes, 9",
            "triton.step-timeout, 1s",
            "triton.headers.key, OTHER", "engine, triton" })
    void anyOtherPropertyMakesAnotherModel(String property, String value) {
        Map<String, String> settings = Map.of("budget.nodes", "8", "budget.top-k", "10", "budget.depth", "6",
                "triton.headers.key", "SECRET");
        Map<String, String> changed = new HashMap<>(settings);
        changed.put(property, value);
        assertThat(origin(changed)).isNotNull().isNotEqualTo(origin(settings));
    }

    @Test
    void aBundleThatWasBuiltAnewOrAFileThatWasWrittenMakesAnotherModel() throws IOException {
        ModelOrigin before = origin(Map.of());
        writeManifest("other");
        assertThat(origin(Map.of())).isNotEqualTo(before);
        writeManifest("toy");
        assertThat(origin(Map.of())).isEqualTo(before);
        Files.setLastModifiedTime(folder.resolve(GRAPH), FileTime.fromMillis(0));
        assertThat(origin(Map.of())).isNotEqualTo(before);
    }

    @Test
    void whatCannotBeComparedHasNoOrigin() throws IOException {
        assertThat(origin(Map.of("engine", "triton", "triton.tls-configuration-name", "triton"))).isNull();
        Files.delete(folder.resolve(BundleManifest.FILE));
        assertThat(origin(Map.of())).isNull();
    }

    private ModelOrigin origin(Map<String, String> settings) {
        Map<String, String> properties = new HashMap<>();
        settings.forEach((name, value) -> properties.put("quarkus.eagle." + name, value));
        properties.put("quarkus.eagle.bundle", folder.toString());
        EagleConfig config = new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(EagleConfig.class)
                .withSources(new PropertiesConfigSource(properties, "test", 100)).build().getConfigMapping(EagleConfig.class);
        return ModelOrigin.of(config.models().get(EagleConfig.DEFAULT_MODEL));
    }
}
