package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import com.google.protobuf.TextFormat;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.model.BundleBuilder;
import io.quarkiverse.eagle.graph.model.GraphOptions;
import io.quarkiverse.eagle.graph.model.KvUpdate;
import io.quarkiverse.eagle.graph.model.Precision;
import io.quarkiverse.eagle.graph.source.ModelSources;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;
import io.quarkiverse.eagle.triton.repository.ModelRepository;
import io.quarkiverse.eagle.triton.repository.StockRepository;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInput;
import io.quarkiverse.eagle.triton.repository.config.ModelOutput;
import io.quarkiverse.eagle.triton.repository.config.ModelSequenceBatching;

/** What {@code eagle repository} writes, read by Triton's own schema and held against the graphs. */
@Timeout(300)
class RepositorySchemaTest {

    /** Reads configurations with the schema that Triton publishes; unknown fields and wrong types end it with an error. */
    private static final String READER = """
            import importlib.util, pathlib, sys
            from google.protobuf import text_format
            found = next(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/tritonclient/grpc/model_config_pb2.py"))
            spec = importlib.util.spec_from_file_location("model_config_pb2", found)
            schema = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(schema)
            for path in sys.argv[1:]:
                config = text_format.Parse(pathlib.Path(path).read_text(), schema.ModelConfig())
                print(config.name, config.backend, len(config.sequence_batching.state))
            """;

    @TempDir
    private static Path folder;
    private static Bundle functional;

    @BeforeAll
    static void buildFunctionalGraphs() throws IOException {
        Path downloads = DefaultBundle.cacheFolder().resolve("downloads");
        try (ModelSource model = ModelSources.openModel(DefaultBundle.CHECKPOINT, downloads, ProgressListener.NONE);
                DraftHead head = ModelSources.openHead("../../triton-models/heads/smollm2-135m-instruct-eagle", downloads,
                        ProgressListener.NONE)) {
            GraphOptions options = new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.FUNCTIONAL, 2,
                    256, 2048);
            new BundleBuilder(options, ProgressListener.NONE).build(model, head, List.of(), folder.resolve("functional"));
        }
        functional = Bundle.open(folder.resolve("functional"));
    }

    private static Path write(ModelRepository repository, String name) {
        Path out = folder.resolve(name);
        repository.write(out);
        return out;
    }

    private static List<Path> configurations(Path repository) throws IOException {
        try (Stream<Path> files = Files.walk(repository)) {
            return files.filter(file -> file.endsWith("config.pbtxt")).sorted().toList();
        }
    }

    @Test
    void tritonsSchemaReadsEveryConfiguration() throws IOException, InterruptedException {
        List<Path> files = new ArrayList<>(configurations(write(new HostRepository(ServedBundle.bundle(),
                HostOptions.onCpu()), "host")));
        files.addAll(configurations(write(new StockRepository(functional, StockRepository.Backend.ONNX, -1), "onnx")));
        assertThat(files).hasSize(4);
        String name = ModelRepository.modelName(functional.manifest(), "");
        assertThat(read(files)).containsExactlyInAnyOrder(name + "target python 0", name + "draft python 0",
                name + "target onnxruntime 60", name + "draft onnxruntime 2");
    }

    private static List<String> read(List<Path> files) throws IOException, InterruptedException {
        Path python = TritonServer.schema().program("python");
        List<String> command = new ArrayList<>(List.of(python.toString(), "-c", READER));
        files.forEach(file -> command.add(file.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output.lines().toList();
    }

    /** Names and ranks in the configuration are those of the graph, and nothing of the graph is missing. */
    @Test
    void stockConfigurationsNameTheInputsAndOutputsOfTheirGraphs() throws IOException, OrtException {
        Path repository = write(new StockRepository(functional, StockRepository.Backend.ONNX, -1), "graphs");
        for (Path file : configurations(repository)) {
            ModelConfig.Builder builder = ModelConfig.newBuilder();
            TextFormat.merge(Files.readString(file), builder);
            ModelConfig config = builder.build();
            Path graph = file.resolveSibling("1").resolve(config.getDefaultModelFilename());
            try (OrtSession session = OrtEnvironment.getEnvironment().createSession(graph.toString(),
                    new OrtSession.SessionOptions())) {
                assertThat(inputs(config)).isEqualTo(shapes(session.getInputInfo().values()));
                assertThat(outputs(config)).isEqualTo(shapes(session.getOutputInfo().values()));
            }
        }
    }

    private static Set<String> shapes(Iterable<NodeInfo> nodes) {
        Set<String> shapes = new TreeSet<>();
        for (NodeInfo node : nodes) {
            shapes.add(node.getName() + " of rank " + ((TensorInfo) node.getInfo()).getShape().length);
        }
        return shapes;
    }

    private static Set<String> inputs(ModelConfig config) {
        Set<String> shapes = new TreeSet<>();
        for (ModelInput input : config.getInputList()) {
            shapes.add(input.getName() + " of rank " + input.getDimsCount());
        }
        for (ModelSequenceBatching.State state : config.getSequenceBatching().getStateList()) {
            shapes.add(state.getInputName() + " of rank " + state.getDimsCount());
        }
        return shapes;
    }

    private static Set<String> outputs(ModelConfig config) {
        Set<String> shapes = new TreeSet<>();
        for (ModelOutput output : config.getOutputList()) {
            shapes.add(output.getName() + " of rank " + output.getDimsCount());
        }
        for (ModelSequenceBatching.State state : config.getSequenceBatching().getStateList()) {
            shapes.add(state.getOutputName() + " of rank " + state.getDimsCount());
        }
        return shapes;
    }
}
