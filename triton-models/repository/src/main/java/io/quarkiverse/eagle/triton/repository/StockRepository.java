package io.quarkiverse.eagle.triton.repository;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.google.protobuf.TextFormat;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.triton.repository.config.DataType;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInstanceGroup;
import io.quarkiverse.eagle.triton.repository.config.ModelSequenceBatching;

/**
 * Writes a model repository for Triton's own backends, without Python: the graphs of a bundle with functional update, whose KV
 * pool is the implicit state of one sequence. Simple to run, and slower than the engine host, because the backends copy the
 * whole pool in every step. The decoder of this project talks to engine hosts only; these models are for clients of your own
 * that keep the engine contract.
 */
public final class StockRepository implements ModelRepository {

    /** Triton's own backends. */
    public enum Backend {
        /** ONNX graphs on ONNX Runtime. */
        ONNX("onnxruntime", "model.onnx", "onnxruntime"),
        /** TensorRT plans, beside the graphs that they were made from. */
        PLAN("tensorrt", "model.plan", "tensorrt");

        private final String triton;
        private final String file;
        private final String bundleTarget;

        Backend(String triton, String file, String bundleTarget) {
            this.triton = triton;
            this.file = file;
            this.bundleTarget = bundleTarget;
        }
    }

    /** The sequence holds the pool; it may rest for a week before Triton throws its pool away. */
    private static final long IDLE_MICROSECONDS = 7L * 24 * 3600 * 1_000_000;
    private static final String GRAPH = ".onnx";

    private final Bundle bundle;
    private final ServedEngines engines;
    private final BundleManifest manifest;
    private final Backend backend;
    private final int gpu;

    /**
     * @param gpu the GPU's number, -1 for the CPU
     * @throws RepositoryException the bundle does not fit the backend
     */
    public StockRepository(Bundle bundle, Backend backend, int gpu) {
        this.bundle = bundle;
        this.engines = new ServedEngines(bundle.manifest());
        this.manifest = bundle.manifest();
        this.backend = backend;
        this.gpu = gpu;
        if (!manifest.update().equals("functional")) {
            throw new RepositoryException("the bundle has " + manifest.update() + " update, but Triton's own backends cannot"
                    + " bind a pool in place; build it with --update functional");
        }
        if (!manifest.target().equals(backend.bundleTarget)) {
            throw new RepositoryException("the bundle is made for " + manifest.target() + ", but flavour "
                    + backend.name().toLowerCase(java.util.Locale.ROOT) + " needs one for " + backend.bundleTarget
                    + "; build it with --for " + backend.bundleTarget);
        }
        if (backend == Backend.PLAN && gpu < 0) {
            throw new RepositoryException("TensorRT plans run on a GPU; give its number with --gpu");
        }
        for (String role : engines.roles()) {
            if (!Files.isRegularFile(engineFile(role))) {
                throw new RepositoryException("the bundle has no " + bundle.folder().relativize(engineFile(role))
                        + "; make the plans with eagle plan, on the kind of GPU that will run them");
            }
            if (!engines.graph(role).shared().isEmpty()) {
                throw new RepositoryException("the bundle's " + role + " graph borrows weights of another graph, which Triton's"
                        + " own backends cannot give it; build the bundle again with --update functional");
            }
        }
    }

    private Path engineFile(String role) {
        Path graph = bundle.file(engines.graph(role).file());
        String name = graph.getFileName().toString();
        return backend == Backend.ONNX ? graph
                : graph.resolveSibling(name.substring(0, name.length() - GRAPH.length()) + ".plan");
    }

    @Override
    public List<String> models() {
        return engines.models();
    }

    @Override
    public void write(Path out) {
        RepositoryFolder.write(out, folder -> {
            for (String role : engines.roles()) {
                writeModel(folder.resolve(engines.model(role)), role);
            }
            Files.writeString(folder.resolve("README.md"), guide());
        });
    }

    private void writeModel(Path model, String role) throws IOException {
        Path version = Files.createDirectories(model.resolve(ServedEngines.VERSION));
        Path engine = engineFile(role);
        Files.copy(engine, version.resolve(backend.file));
        if (backend == Backend.ONNX) {
            copyWeights(engine.getParent(), version);
        }
        Files.writeString(model.resolve("config.pbtxt"), limits().lines().map(line -> "# " + line + "\n")
                .collect(Collectors.joining()) + TextFormat.printer().printToString(config(role)));
    }

    /** A graph finds its weights by their names beside it. */
    private static void copyWeights(Path from, Path into) throws IOException {
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.filter(file -> !file.toString().endsWith(GRAPH) && Files.isRegularFile(file)).toList()) {
                Files.copy(file, into.resolve(file.getFileName()));
            }
        }
    }

    private String limits() {
        return """
                Implicit state: one sequence holds the whole KV pool, all slots of it.
                - The backend copies the whole pool in every step, and keeps several of it in memory.
                - One request at a time: the next one waits until the step is done.
                - Start the sequence once, with sequence_start; zeros fill the pool. It ends with sequence_end, or after a week.
                - Set no deadline on requests, and cancel none: a request that is given up in the queue ends the sequence, and
                  the pool is gone.
                - Every request brings all slots: the batch is the pool's.
                - No warm-up: a warm-up request belongs to no sequence. Send a step of your own before the first user comes.
                """;
    }

    ModelConfig config(String role) {
        boolean target = role.equals(ServedEngines.TARGET);
        BundleManifest.Graph graph = engines.graph(role);
        ModelConfig.Builder config = ModelConfig.newBuilder().setName(engines.model(role))
                .setBackend(backend.triton).setMaxBatchSize(0).setDefaultModelFilename(backend.file);
        engines.stepInputs(config, role, false);
        engines.topOutputs(config, role);
        if (target) {
            ServedEngines.output(config, "features", DataType.TYPE_FP32, -1, -1, graph.featureSize());
            ServedEngines.output(config, "log_z", DataType.TYPE_FP32, -1, -1);
            ServedEngines.output(config, "logits", DataType.TYPE_FP32, -1, -1, graph.vocabulary());
        } else {
            ServedEngines.output(config, "features_out", DataType.TYPE_FP32, -1, -1, graph.featureSize());
        }
        config.setSequenceBatching(pool(graph));
        ModelInstanceGroup.Builder instance = ModelInstanceGroup.newBuilder().setCount(1);
        config.addInstanceGroup(gpu < 0 ? instance.setKind(ModelInstanceGroup.Kind.KIND_CPU)
                : instance.setKind(ModelInstanceGroup.Kind.KIND_GPU).addGpus(gpu));
        return config.build();
    }

    /** Keys and values of every layer, {@code [slots, kv_heads, rows, head_dim]}, as states that begin with zeros. */
    private ModelSequenceBatching.Builder pool(BundleManifest.Graph graph) {
        DataType type = switch (graph.kvType()) {
            case "float16" -> DataType.TYPE_FP16;
            case "bfloat16" -> DataType.TYPE_BF16;
            default -> DataType.TYPE_FP32;
        };
        List<Long> dims = List.of((long) manifest.slots(), (long) graph.kvHeads(), (long) poolRows(graph),
                (long) graph.headDim());
        ModelSequenceBatching.Builder sequence = ModelSequenceBatching.newBuilder()
                .setMaxSequenceIdleMicroseconds(IDLE_MICROSECONDS)
                .setDirect(ModelSequenceBatching.StrategyDirect.getDefaultInstance());
        for (int layer = 0; layer < graph.layers(); layer++) {
            for (String part : List.of("k_", "v_")) {
                String name = part + layer;
                sequence.addState(ModelSequenceBatching.State.newBuilder().setInputName("past_" + name)
                        .setOutputName("present_" + name).setDataType(type).addAllDims(dims)
                        .addInitialState(ModelSequenceBatching.InitialState.newBuilder().setName("empty").setDataType(type)
                                .addAllDims(dims).setZeroData(true)));
            }
        }
        return sequence;
    }

    /** The longest sequence, and room behind it for the rows of padding and idle slots, as the graphs are built. */
    private int poolRows(BundleManifest.Graph graph) {
        return manifest.maxLength() + 2 * graph.maxRows();
    }

    private String guide() {
        return """
                # %s on Triton's %s backend

                Engines of the bundle with checksum `%s`, %s: models %s. Written by `eagle repository`.

                ```shell
                tritonserver --model-repository=THIS_FOLDER%s
                ```

                These models are for clients of your own; applications of this project talk to engine hosts
                (`eagle repository --flavour host`), which are faster.

                ## Limits

                %s%s"""
                .formatted(manifest.name(), backend.triton, manifest.checksum(), manifest.precision(),
                        models().stream().map(name -> "`" + name + "`").collect(Collectors.joining(", ")),
                        gpu < 0 ? "" : " --cuda-memory-pool-byte-size=" + gpu + ":" + 4 * poolBytes(), limits(),
                        !manifest.precision().equals("int8") ? "" : """
                                - int8: the weights are signed, and exact only on CPUs with VNNI or AMX instructions. Build an
                                  fp32 bundle for others.
                                """);
    }

    /** Bytes of all pools; state that finds no room on the GPU falls back to host memory without a word. */
    private long poolBytes() {
        return engines.roles().stream().map(engines::graph)
                .mapToLong(graph -> 2L * graph.layers() * manifest.slots() * graph.kvHeads()
                        * poolRows(graph) * graph.headDim() * (graph.kvType().equals("float32") ? Float.BYTES : Short.BYTES))
                .sum();
    }
}
