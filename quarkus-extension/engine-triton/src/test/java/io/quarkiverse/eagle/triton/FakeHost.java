package io.quarkiverse.eagle.triton;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;

import com.google.protobuf.ByteString;

import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.toy.ToyEngine;
import io.quarkiverse.eagle.triton.client.FakeServer;
import io.quarkiverse.eagle.triton.client.proto.InferParameter;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest.InferInputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest.InferRequestedOutputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse.InferOutputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyResponse;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryRegisterRequest;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryRegisterResponse;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryUnregisterRequest;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryUnregisterResponse;

/**
 * Engine hosts by the letter of the wire protocol, over toy engines: leases, epochs, checks, last logits. The toy engines
 * notice
 * any row that is not what its sequence says it is. A test may inject a fault before any request is served.
 */
final class FakeHost implements AutoCloseable {

    /** What happens instead of serving a request. */
    record Fault(String error, Status end, boolean silent) {

        static Fault error(String message) {
            return new Fault(message, null, false);
        }

        /** The stream breaks. */
        static Fault broken() {
            return new Fault(null, Status.UNAVAILABLE.withDescription("the server went away"), false);
        }

        /** No answer ever comes. */
        static Fault silence() {
            return new Fault(null, null, true);
        }
    }

    /** Decides about every request; null serves it. */
    interface Faults {
        Fault before(Model model, ModelInferRequest request);
    }

    /** A host refuses a request. */
    private static final class Refusal extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private Refusal(String code, String sentence) {
            super(code + " " + sentence);
        }
    }

    private record Holding(int firstSlot, int slots) {
    }

    private final BundleManifest bundle;
    private final Map<String, Model> models = new HashMap<>();
    private final Map<String, MappedByteBuffer> regions = new ConcurrentHashMap<>();
    private volatile Faults faults = (model, request) -> null;
    private volatile UnaryOperator<ModelInferResponse.Builder> answers = answer -> answer;
    private volatile boolean ready = true;
    private volatile int leaseSeconds = 60;
    private volatile boolean copiesRows = true;
    private FakeServer server;

    FakeHost(BundleManifest bundle, EnginePair engines) {
        this.bundle = bundle;
        models.put("toy_target", new Model("target", bundle.targetGraph(), (ToyEngine) engines.target()));
        if (engines.draft() != null) {
            models.put("toy_draft", new Model("draft", bundle.draftGraph(), (ToyEngine) engines.draft()));
        }
        start(0);
    }

    /** Serves on this port, 0 for a free one. */
    void start(int port) {
        server = new FakeServer(port, null) {

            @Override
            public void modelReady(ModelReadyRequest request, StreamObserver<ModelReadyResponse> answer) {
                reply(answer, ModelReadyResponse.newBuilder().setReady(ready && models.containsKey(request.getName()))
                        .build());
            }

            @Override
            public void modelMetadata(ModelMetadataRequest request, StreamObserver<ModelMetadataResponse> answer) {
                reply(answer, models.get(request.getName()).metadata());
            }

            @Override
            public void systemSharedMemoryRegister(SystemSharedMemoryRegisterRequest request,
                    StreamObserver<SystemSharedMemoryRegisterResponse> answer) {
                try (FileChannel file = FileChannel.open(Path.of("/dev/shm" + request.getKey()), StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
                    regions.put(request.getName(), file.map(FileChannel.MapMode.READ_WRITE, 0, request.getByteSize()));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                reply(answer, SystemSharedMemoryRegisterResponse.getDefaultInstance());
            }

            @Override
            public void systemSharedMemoryUnregister(SystemSharedMemoryUnregisterRequest request,
                    StreamObserver<SystemSharedMemoryUnregisterResponse> answer) {
                regions.remove(request.getName());
                reply(answer, SystemSharedMemoryUnregisterResponse.getDefaultInstance());
            }
        };
        server.model(this::serve);
    }

    private void serve(ModelInferRequest request, FakeServer.Answers stream) {
        Model model = models.get(request.getModelName());
        synchronized (model) {
            Fault fault = faults.before(model, request);
            if (fault == null) {
                try {
                    stream.send(answers.apply(model.answer(request)));
                } catch (Refusal | ToyEngine.Misuse e) {
                    stream.sendError(request.getId(), "Failed to process the request(s): " + e.getMessage());
                }
            } else if (fault.error() != null) {
                stream.sendError(request.getId(), fault.error());
            } else if (fault.end() != null) {
                stream.end(fault.end());
            }
        }
    }

    void faults(Faults value) {
        faults = value;
    }

    /** Changes every answer. */
    void answers(UnaryOperator<ModelInferResponse.Builder> value) {
        answers = value;
    }

    void ready(boolean value) {
        ready = value;
    }

    void leaseSeconds(int value) {
        leaseSeconds = value;
    }

    /** The hosts are of a version that copies no rows. */
    void withoutRowCopying() {
        copiesRows = false;
    }

    Model target() {
        return models.get("toy_target");
    }

    Model draft() {
        return models.get("toy_draft");
    }

    FakeServer server() {
        return server;
    }

    /** Shared memory regions that clients registered and did not take back. */
    int regions() {
        return regions.size();
    }

    /** The server is killed; its pools are gone with it. */
    void kill() {
        server.close();
        models.values().forEach(Model::restart);
    }

    @Override
    public void close() {
        server.close();
    }

    static String operation(ModelInferRequest request) {
        return request.getParametersOrThrow("operation").getStringParam();
    }

    /** One hosted engine. */
    final class Model {

        private final String role;
        private final BundleManifest.Graph graph;
        private final ToyEngine engine;
        private final EngineShape shape;
        private final StepRequest step;
        private final Map<String, Holding> leases = new ConcurrentHashMap<>();
        private final Map<String, StepResult> lastResults = new HashMap<>();
        private final Map<String, Long> lastSteps = new HashMap<>();
        private final List<String> operations = new CopyOnWriteArrayList<>();
        private volatile String epoch = UUID.randomUUID().toString();

        private Model(String role, BundleManifest.Graph graph, ToyEngine engine) {
            this.role = role;
            this.graph = graph;
            this.engine = engine;
            this.shape = engine.shape();
            this.step = new StepRequest(shape, shape.slots(), shape.slots() * shape.maxRows(), 2 * shape.maxRows());
        }

        String role() {
            return role;
        }

        ToyEngine engine() {
            return engine;
        }

        /** Operations served so far. */
        List<String> operations() {
            return operations;
        }

        /** Who holds slots now. */
        Map<String, Integer> holders() {
            Map<String, Integer> holders = new HashMap<>();
            leases.forEach((client, held) -> holders.put(client, held.slots()));
            return holders;
        }

        /** A new, empty pool. */
        synchronized void restart() {
            engine.forget();
            leases.clear();
            lastSteps.clear();
            epoch = UUID.randomUUID().toString();
        }

        /** All leases expire, and somebody else's rows are written over theirs. */
        synchronized void expireLeases() {
            engine.forget();
            leases.clear();
        }

        /** Somebody else takes slots. */
        synchronized void hold(String client, int slots) {
            lease(client, slots);
        }

        private ModelMetadataResponse metadata() {
            ModelMetadataResponse.Builder metadata = ModelMetadataResponse.newBuilder().setName("toy_" + role)
                    .setPlatform("python");
            for (String name : List.of("input_ids", "position_ids", "window_start", "output_rows", "keep_rows", "write_offset",
                    "logits_rows", "children", "level_start", "level_sizes")) {
                metadata.addInputs(tensor(name, "INT64"));
            }
            metadata.addInputs(tensor("window_mask", "BOOL")).addInputs(tensor("features", "FP32"));
            metadata.addOutputs(tensor("info", "BYTES")).addOutputs(tensor("top_ids", "INT32"))
                    .addOutputs(tensor("expanded", "INT32"));
            for (String name : List.of("top_logits", "log_z", "features", "logits")) {
                metadata.addOutputs(tensor(name, "FP32"));
            }
            return metadata.build();
        }

        private ModelMetadataResponse.TensorMetadata.Builder tensor(String name, String type) {
            return ModelMetadataResponse.TensorMetadata.newBuilder().setName(name).setDatatype(type).addShape(-1);
        }

        private ModelInferResponse.Builder answer(ModelInferRequest request) {
            operations.add(operation(request));
            return switch (operation(request)) {
                case "manifest" -> info(request, manifest());
                case "lease" -> {
                    if (request.containsParameters("epoch")) {
                        requireEpoch(request);
                    }
                    yield info(request, leaseOf(client(request), (int) integer(request, "slots")));
                }
                case "release" -> info(request, release(client(request)));
                case "step" -> step(request);
                case "tree" -> tree(request);
                case "copy" -> copy(request);
                case "logits" -> logits(request);
                default -> throw new Refusal("EAGLE_INVALID", "unknown operation");
            };
        }

        private ModelInferResponse.Builder info(ModelInferRequest request, String json) {
            byte[] text = json.getBytes(StandardCharsets.UTF_8);
            ByteBuffer content = ByteBuffer.allocate(4 + text.length).order(ByteOrder.LITTLE_ENDIAN).putInt(text.length)
                    .put(text).flip();
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            FakeServer.output(answer, "info", "BYTES", ByteString.copyFrom(content), 1);
            return answer;
        }

        private String manifest() {
            String file = graph.file();
            String sha256 = bundle.files().stream().filter(entry -> entry.path().equals(file)).findFirst().orElseThrow()
                    .sha256();
            return ("{'protocol':2,'role':'%s','model':'%s','epoch':'%s','bundle_checksum':'%s','graph':'%s',"
                    + "'graph_sha256':'%s','precision':'%s','update':'%s','slots':%d,'max_length':%d,'max_rows':%d,'top_k':%d,"
                    + "'vocabulary':%d,'feature_size':%d,'runtime':'onnxruntime-cpu','runtime_version':'toy','free_slots':%d,"
                    + "'free_memory_bytes':1,'lease_seconds':%d,%s'steps':0,'rows':0}")
                    .formatted(role, bundle.name(), epoch, bundle.checksum(), file, sha256, bundle.precision(), bundle.update(),
                            shape.slots(), bundle.maxLength(), graph.maxRows(), graph.topK(), graph.vocabulary(),
                            graph.featureSize(),
                            shape.slots() - leases.values().stream().mapToInt(Holding::slots).sum(), leaseSeconds,
                            copiesRows ? "'copies_rows':true," : "")
                    .replace('\'', '"');
        }

        private ModelInferResponse.Builder copy(ModelInferRequest request) {
            Holding held = requireLease(request);
            int source = (int) integer(request, "source");
            int slot = (int) integer(request, "slot");
            if (!copiesRows || Math.min(source, slot) < held.firstSlot()
                    || Math.max(source, slot) >= held.firstSlot() + held.slots()) {
                throw new Refusal("EAGLE_INVALID", "this host copies nothing, or slots are outside of the lease");
            }
            Steps.await(engine.rowCopying().orElseThrow().copy(source, slot, (int) integer(request, "rows")));
            return info(request, "{\"epoch\":\"" + epoch + "\"}");
        }

        private String leaseOf(String client, int slots) {
            Holding held = lease(client, slots);
            return "{\"epoch\":\"%s\",\"first_slot\":%d,\"slots\":%d,\"lease_seconds\":%d}".formatted(epoch, held.firstSlot(),
                    held.slots(), leaseSeconds);
        }

        private Holding lease(String client, int slots) {
            Holding held = leases.get(client);
            if (held != null && held.slots() != slots) {
                throw new Refusal("EAGLE_INVALID", "another number of slots is leased");
            }
            for (int first = 0; held == null && first + slots <= shape.slots(); first++) {
                Holding run = new Holding(first, slots);
                if (leases.values().stream().noneMatch(other -> run.firstSlot() < other.firstSlot() + other.slots()
                        && other.firstSlot() < run.firstSlot() + run.slots())) {
                    held = run;
                }
            }
            if (held == null) {
                throw new Refusal("EAGLE_NO_SLOTS", "not so many slots in a row are free");
            }
            leases.put(client, held);
            return held;
        }

        private String release(String client) {
            if (leases.remove(client) == null) {
                throw new Refusal("EAGLE_LEASE_LOST", "the client holds no lease");
            }
            return "{\"epoch\":\"" + epoch + "\"}";
        }

        private void requireEpoch(ModelInferRequest request) {
            if (!parameter(request, "epoch").getStringParam().equals(epoch)) {
                throw new Refusal("EAGLE_EPOCH_CHANGED", "the pool is new");
            }
        }

        private Holding requireLease(ModelInferRequest request) {
            requireEpoch(request);
            Holding held = leases.get(client(request));
            if (held == null) {
                throw new Refusal("EAGLE_LEASE_LOST", "the lease expired");
            }
            return held;
        }

        private void readStep(ModelInferRequest request) {
            Holding held = requireLease(request);
            Tensor ids = new Tensor(request, "input_ids");
            Tensor mask = new Tensor(request, "window_mask");
            Tensor outputRows = new Tensor(request, "output_rows");
            Tensor keepRows = has(request, "keep_rows") ? new Tensor(request, "keep_rows") : null;
            int batch = ids.dimension(0);
            int rows = ids.dimension(1);
            int firstSlot = (int) integer(request, "first_slot");
            if (firstSlot < held.firstSlot() || firstSlot + batch > held.firstSlot() + held.slots()) {
                throw new Refusal("EAGLE_INVALID", "slots outside of the lease");
            }
            step.begin(firstSlot, batch, rows, keepRows == null ? 0 : keepRows.dimension(1), mask.dimension(2),
                    outputRows.dimension(1));
            step.inputIds().put(0, ids.data.asLongBuffer(), 0, batch * rows);
            step.positionIds().put(0, new Tensor(request, "position_ids").data.asLongBuffer(), 0, batch * rows);
            step.windowStart().put(0, new Tensor(request, "window_start").data.asLongBuffer(), 0, batch);
            step.outputRows().put(0, outputRows.data.asLongBuffer(), 0, batch * step.outputs());
            step.windowMask().put(0, mask.data, 0, batch * rows * step.window());
            if (keepRows != null) {
                step.keepRows().put(0, keepRows.data.asLongBuffer(), 0, batch * step.keep());
            }
            if (shape.readsFeatures()) {
                step.writeOffset().put(0, new Tensor(request, "write_offset").data.asLongBuffer(), 0, batch);
                step.features().put(0, new Tensor(request, "features").data.asFloatBuffer(), 0,
                        batch * rows * shape.featureSize());
            }
        }

        private ModelInferResponse.Builder tree(ModelInferRequest request) {
            readStep(request);
            Tensor sizes = new Tensor(request, "level_sizes");
            FakeTree tree = new FakeTree(step, sizes.dimension(1), new Tensor(request, "children").data.asLongBuffer(),
                    sizes.data.asLongBuffer(), new Tensor(request, "level_start").data.asLongBuffer());
            tree.grow(asked -> {
                StepResult result = new StepResult(shape, asked.batch() * asked.rows(), asked.batch() * asked.outputs());
                run(asked, result);
                return result;
            });
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            int batch = step.batch();
            output(request, answer, "top_ids", "INT32", tree.topIds(), batch, 1 + tree.rows(), shape.topK());
            output(request, answer, "top_logits", "FP32", tree.topLogits(), batch, 1 + tree.rows(), shape.topK());
            output(request, answer, "expanded", "INT32", tree.expanded(), batch, tree.rows());
            return answer;
        }

        private ModelInferResponse.Builder step(ModelInferRequest request) {
            readStep(request);
            int batch = step.batch();
            int rows = step.rows();
            StepResult result = new StepResult(shape, batch * rows, batch * step.outputs());
            run(step, result);
            lastResults.put(client(request), result);
            lastSteps.put(client(request), integer(request, "step"));
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            int top = batch * step.outputs() * shape.topK();
            ByteBuffer topIds = little(top);
            topIds.asIntBuffer().put(0, result.topIds(), 0, top);
            output(request, answer, "top_ids", "INT32", topIds, batch, step.outputs(), shape.topK());
            ByteBuffer topLogits = little(top);
            topLogits.asFloatBuffer().put(0, result.topLogits(), 0, top);
            output(request, answer, "top_logits", "FP32", topLogits, batch, step.outputs(), shape.topK());
            if (!shape.readsFeatures()) {
                ByteBuffer logZ = little(batch * step.outputs());
                logZ.asFloatBuffer().put(0, result.logZ(), 0, batch * step.outputs());
                output(request, answer, "log_z", "FP32", logZ, batch, step.outputs());
            }
            ByteBuffer features = little(batch * rows * shape.featureSize());
            features.asFloatBuffer().put(0, result.features(), 0, batch * rows * shape.featureSize());
            output(request, answer, "features", "FP32", features, batch, rows, shape.featureSize());
            return answer;
        }

        private void run(StepRequest asked, StepResult result) {
            try {
                engine.step(asked, result).toCompletableFuture().join();
            } catch (java.util.concurrent.CompletionException e) {
                throw new Refusal("EAGLE_STEP_FAILED", String.valueOf(e.getCause()));
            }
        }

        private ModelInferResponse.Builder logits(ModelInferRequest request) {
            requireLease(request);
            if (!Long.valueOf(integer(request, "step")).equals(lastSteps.get(client(request)))) {
                throw new Refusal("EAGLE_INVALID", "not the client's last step");
            }
            Tensor rows = new Tensor(request, "logits_rows");
            int count = rows.dimension(0);
            StepResult result = lastResults.get(client(request));
            ByteBuffer logits = little(count * shape.vocabulary());
            for (int i = 0; i < count; i++) {
                int b = (int) rows.data.getLong(2 * i * Long.BYTES);
                int r = (int) rows.data.getLong((2 * i + 1) * Long.BYTES);
                engine.fetchLogits(result, b, r).toCompletableFuture().join();
                logits.asFloatBuffer().put(i * shape.vocabulary(), result.logits(), result.logitsOffset(b, r),
                        shape.vocabulary());
            }
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            output(request, answer, "logits", "FP32", logits, count, shape.vocabulary());
            return answer;
        }
    }

    private static ByteBuffer little(int words) {
        return ByteBuffer.allocate(4 * words).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static String client(ModelInferRequest request) {
        return parameter(request, "client").getStringParam();
    }

    private static long integer(ModelInferRequest request, String name) {
        return parameter(request, name).getInt64Param();
    }

    private static InferParameter parameter(ModelInferRequest request, String name) {
        if (!request.containsParameters(name)) {
            throw new Refusal("EAGLE_INVALID", "parameter " + name + " is missing");
        }
        return request.getParametersOrThrow(name);
    }

    private static boolean has(ModelInferRequest request, String input) {
        return request.getInputsList().stream().anyMatch(tensor -> tensor.getName().equals(input));
    }

    /** An input, from the message or from shared memory. */
    private final class Tensor {

        private final InferInputTensor tensor;
        private final ByteBuffer data;

        private Tensor(ModelInferRequest request, String name) {
            int contents = 0;
            InferInputTensor found = null;
            ByteBuffer bytes = null;
            for (InferInputTensor input : request.getInputsList()) {
                boolean shared = input.containsParameters("shared_memory_region");
                if (input.getName().equals(name)) {
                    found = input;
                    bytes = shared ? part(input.getParametersMap())
                            : request.getRawInputContents(contents).asReadOnlyByteBuffer();
                }
                contents += shared ? 0 : 1;
            }
            if (found == null) {
                throw new Refusal("EAGLE_INVALID", "input " + name + " is missing");
            }
            tensor = found;
            data = bytes.order(ByteOrder.LITTLE_ENDIAN);
        }

        private int dimension(int i) {
            return (int) tensor.getShape(i);
        }
    }

    private ByteBuffer part(Map<String, InferParameter> parameters) {
        return regions.get(parameters.get("shared_memory_region").getStringParam())
                .slice((int) parameters.get("shared_memory_offset").getInt64Param(),
                        (int) parameters.get("shared_memory_byte_size").getInt64Param());
    }

    private void output(ModelInferRequest request, ModelInferResponse.Builder answer, String name, String type,
            ByteBuffer content, long... dimensions) {
        for (InferRequestedOutputTensor wanted : request.getOutputsList()) {
            if (wanted.getName().equals(name)) {
                if (wanted.containsParameters("shared_memory_region")) {
                    part(wanted.getParametersMap()).put(content);
                    // As Triton does, without a word that the tensor lies in shared memory.
                    InferOutputTensor.Builder tensor = InferOutputTensor.newBuilder().setName(name).setDatatype(type);
                    for (long dimension : dimensions) {
                        tensor.addShape(dimension);
                    }
                    answer.addOutputs(tensor).addRawOutputContents(ByteString.EMPTY);
                } else {
                    FakeServer.output(answer, name, type, ByteString.copyFrom(content), dimensions);
                }
            }
        }
    }
}
