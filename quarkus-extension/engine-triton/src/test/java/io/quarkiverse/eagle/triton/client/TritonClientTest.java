package io.quarkiverse.eagle.triton.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.google.protobuf.ByteString;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.stub.StreamObserver;
import io.quarkiverse.eagle.triton.client.proto.InferStatistics;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse.InferOutputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelStatistics;
import io.quarkiverse.eagle.triton.client.proto.ModelStatisticsRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelStatisticsResponse;
import io.quarkiverse.eagle.triton.client.proto.RepositoryIndexRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryIndexResponse;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelLoadRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelLoadResponse;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelUnloadRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelUnloadResponse;
import io.quarkiverse.eagle.triton.client.proto.ServerMetadataRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerMetadataResponse;
import io.quarkiverse.eagle.triton.client.proto.StatisticDuration;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryRegisterRequest;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryRegisterResponse;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryUnregisterRequest;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryUnregisterResponse;
import io.smallrye.mutiny.Uni;

class TritonClientTest {

    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Backoff QUICK = new Backoff(Duration.ofMillis(1), Duration.ofMillis(5), 4, 0.5);

    private static <T> T value(Uni<T> operation) {
        return operation.await().atMost(LONG);
    }

    private static TritonException failure(Uni<?> operation) {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        operation.onItemOrFailure().invoke((item, thrown) -> failure.set(thrown)).onFailure().recoverWithNull().await()
                .atMost(LONG);
        assertThat(failure.get()).isInstanceOf(TritonException.class);
        return (TritonException) failure.get();
    }

    private static TritonClient client(FakeServer... servers) {
        return new TritonClient(TritonClientOptions.of(List.of(servers).stream().map(FakeServer::endpoint)
                .toArray(String[]::new)).withBackoff(QUICK));
    }

    @Test
    void anOperationGoesToTheNextServerWhenOneIsAway() {
        try (FakeServer first = new FakeServer();
                FakeServer second = new FakeServer();
                TritonClient client = client(first, second)) {
            first.close();
            assertThat(value(client.withFailover(TritonConnection::serverLive))).isTrue();
            assertThat(client.connection().endpoint().port()).isEqualTo(second.port());
        }
    }

    @Test
    void anOperationComesBackToTheFirstServerWhenTheSecondGoesAway() {
        try (FakeServer first = new FakeServer();
                FakeServer second = new FakeServer();
                TritonClient client = client(first, second)) {
            first.refuse(Status.UNAVAILABLE);
            value(client.withFailover(TritonConnection::serverLive));
            first.refuse(null);
            second.close();
            assertThat(value(client.withFailover(TritonConnection::serverLive))).isTrue();
            assertThat(client.connection().endpoint().port()).isEqualTo(first.port());
        }
    }

    @Test
    void anOperationGivesUpAfterItsAttemptsWithWhatTheServerSaid() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.refuse(Status.UNAVAILABLE.withDescription("come back later"));
            TritonException failure = failure(client.withFailover(TritonConnection::serverLive));
            assertThat(failure).hasMessageContaining("come back later");
            assertThat(failure.isRetryable()).isTrue();
            assertThat(server.headers()).hasSize(QUICK.attempts());
        }
    }

    @Test
    void anErrorThatWillNotPassIsNotTriedAgain() {
        try (FakeServer server = new FakeServer();
                FakeServer second = new FakeServer();
                TritonClient client = client(server, second)) {
            server.refuse(Status.INVALID_ARGUMENT);
            assertThat(failure(client.withFailover(TritonConnection::serverLive)).status()).isEqualTo(Code.INVALID_ARGUMENT);
            assertThat(server.headers()).hasSize(1);
            assertThat(second.headers()).isEmpty();
        }
    }

    @Test
    void aServerThatSomebodyReportedBeforeIsNotSkippedTwice() {
        try (FakeServer first = new FakeServer();
                FakeServer second = new FakeServer();
                TritonClient client = client(first, second)) {
            TritonEndpoint failed = client.connection().endpoint();
            TritonConnection next = client.failOver(failed);
            assertThat(next.endpoint().port()).isEqualTo(second.port());
            assertThat(client.failOver(failed)).isSameAs(next);
        }
    }

    @Test
    void aRestartedServerIsFoundAgainWithoutWaitingForGrpc() {
        int port = FakeServer.freePort();
        Backoff patient = new Backoff(Duration.ofMillis(20), Duration.ofMillis(50), 1000, 0);
        try (TritonClient client = new TritonClient(TritonClientOptions.of("localhost:" + port).withBackoff(patient))) {
            CompletableFuture<Boolean> live = client.withFailover(TritonConnection::serverLive).subscribeAsCompletionStage();
            assertThat(failure(client.connection().serverLive()).isRetryable()).isTrue();
            assertThat(live).isNotDone();
            try (FakeServer server = new FakeServer(port, null)) {
                await().until(live::isDone);
                assertThat(live.join()).isTrue();
            }
        }
    }

    @Test
    void headersGoWithEveryCallAndStream() {
        Metadata.Key<String> key = Metadata.Key.of("triton-grpc-protocol-admin-key", Metadata.ASCII_STRING_MARSHALLER);
        try (FakeServer server = new FakeServer();
                TritonClient client = new TritonClient(TritonClientOptions.of(server.endpoint())
                        .withHeaders(Map.of("triton-grpc-protocol-admin-key", "secret")))) {
            value(client.connection().serverLive());
            client.connection().stream().infer(new InferRequest("model"), LONG).join();
            client.connection().infer(new InferRequest("model"), LONG).join();
            assertThat(server.headers()).hasSize(3).extracting(headers -> headers.get(key)).containsOnly("secret");
        }
    }

    @Test
    void aMissingKeyOfARestrictedProtocolIsNotTriedAgain() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.refuse(Status.UNAVAILABLE
                    .withDescription("This protocol is restricted, expecting header 'triton-grpc-protocol-admin-key'"));
            TritonException failure = failure(client.withFailover(TritonConnection::repositoryIndex));
            assertThat(failure.isRetryable()).isFalse();
            assertThat(failure).hasMessageContaining("triton-grpc-protocol-admin-key");
            assertThat(server.headers()).hasSize(1);
        }
    }

    @Test
    void aCallWithoutAnAnswerEndsAtItsTimeout() {
        try (FakeServer server = new FakeServer() {
            @Override
            public void modelReady(ModelReadyRequest request, StreamObserver<ModelReadyResponse> answer) {
                // Never answers.
            }
        };
                TritonClient client = new TritonClient(
                        TritonClientOptions.of(server.endpoint()).withCallTimeout(Duration.ofMillis(100)))) {
            TritonException failure = failure(client.connection().modelReady("model"));
            assertThat(failure.status()).isEqualTo(Code.DEADLINE_EXCEEDED);
            assertThat(failure.isRetryable()).isTrue();
        }
    }

    @Test
    void aSingleInferenceIsACallOfItsOwn() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            ByteBuffer data = ByteBuffer.allocateDirect(8).putDouble(0, 2.5);
            InferRequest request = new InferRequest("model").input("x", DataType.UINT8, data, 8);
            assertThat(client.connection().infer(request, LONG).join().output("x").data()).isEqualTo(data);
        }
    }

    @Test
    void aSingleInferenceTellsErrorsAndWhetherTheyMayPass() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.model((request, answers) -> answers.sendError("", "the shape is wrong"));
            assertThat(singleFailure(client, LONG).isRetryable()).isFalse();
            assertThat(singleFailure(client, LONG)).hasMessageContaining("the shape is wrong");
            server.model((request, answers) -> answers.sendError("", "Stub process 'x' is not healthy."));
            assertThat(singleFailure(client, LONG).isRetryable()).isTrue();
            server.model((request, answers) -> answers.send(FakeServer.echoOf(request).setId("other")));
            assertThat(singleFailure(client, LONG)).hasMessageContaining("another request");
        }
    }

    @Test
    void aSingleInferenceEndsAtItsTimeoutAndTheServerHearsOfIt() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.model((request, answers) -> {
            });
            assertThat(singleFailure(client, Duration.ofMillis(100)).status()).isEqualTo(Code.DEADLINE_EXCEEDED);
            await().until(() -> server.cancelled() == 1);
        }
    }

    @Test
    void aSingleInferenceCanBeCancelled() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.model((request, answers) -> {
            });
            CompletableFuture<InferResponse> answer = client.connection().infer(new InferRequest("model"), LONG);
            await().until(() -> server.requests().size() == 1);
            answer.cancel(true);
            assertThatThrownBy(answer::join).isInstanceOf(CancellationException.class);
            await().until(() -> server.cancelled() == 1);
        }
    }

    private static TritonException singleFailure(TritonClient client, Duration timeout) {
        try {
            client.connection().infer(new InferRequest("model"), timeout).join();
            throw new AssertionError("the inference did not fail");
        } catch (CompletionException e) {
            assertThat(e.getCause()).isInstanceOf(TritonException.class);
            return (TritonException) e.getCause();
        }
    }

    @Test
    void aClosedClientFailsWhatIsInFlight() {
        try (FakeServer server = new FakeServer(); TritonClient client = client(server)) {
            server.model((request, answers) -> {
            });
            CompletableFuture<InferResponse> answer = client.connection().stream().infer(new InferRequest("model"), LONG);
            await().until(() -> server.requests().size() == 1);
            client.close();
            assertThatThrownBy(answer::join).hasCauseInstanceOf(TritonException.class);
            assertThat(failure(client.connection().serverLive()).status()).isEqualTo(Code.UNAVAILABLE);
        }
    }

    /** Answers every administrative call with something to recognise. */
    private static final class Administration extends FakeServer {

        private final AtomicReference<Object> last = new AtomicReference<>();

        @Override
        public void serverMetadata(ServerMetadataRequest request, StreamObserver<ServerMetadataResponse> answer) {
            reply(answer, ServerMetadataResponse.newBuilder().setName("triton").setVersion("2.51.0")
                    .addExtensions("statistics").build());
        }

        @Override
        public void modelMetadata(ModelMetadataRequest request, StreamObserver<ModelMetadataResponse> answer) {
            reply(answer, ModelMetadataResponse.newBuilder().setName(request.getName()).addVersions("1").setPlatform("python")
                    .addInputs(ModelMetadataResponse.TensorMetadata.newBuilder().setName("x").setDatatype("FP32").addShape(-1)
                            .addShape(4))
                    .build());
        }

        @Override
        public void modelStatistics(ModelStatisticsRequest request, StreamObserver<ModelStatisticsResponse> answer) {
            reply(answer, ModelStatisticsResponse.newBuilder().addModelStats(ModelStatistics.newBuilder()
                    .setName(request.getName()).setInferenceCount(7).setExecutionCount(5).setInferenceStats(InferStatistics
                            .newBuilder().setComputeInfer(StatisticDuration.newBuilder().setCount(5).setNs(900))))
                    .build());
        }

        @Override
        public void repositoryIndex(RepositoryIndexRequest request, StreamObserver<RepositoryIndexResponse> answer) {
            reply(answer, RepositoryIndexResponse.newBuilder().addModels(RepositoryIndexResponse.ModelIndex.newBuilder()
                    .setName("m").setVersion("1").setState("UNAVAILABLE").setReason("unloaded")).build());
        }

        @Override
        public void repositoryModelLoad(RepositoryModelLoadRequest request,
                StreamObserver<RepositoryModelLoadResponse> answer) {
            last.set(request);
            reply(answer, RepositoryModelLoadResponse.getDefaultInstance());
        }

        @Override
        public void repositoryModelUnload(RepositoryModelUnloadRequest request,
                StreamObserver<RepositoryModelUnloadResponse> answer) {
            last.set(request);
            reply(answer, RepositoryModelUnloadResponse.getDefaultInstance());
        }

        @Override
        public void systemSharedMemoryRegister(SystemSharedMemoryRegisterRequest request,
                StreamObserver<SystemSharedMemoryRegisterResponse> answer) {
            last.set(request);
            reply(answer, SystemSharedMemoryRegisterResponse.getDefaultInstance());
        }

        @Override
        public void systemSharedMemoryUnregister(SystemSharedMemoryUnregisterRequest request,
                StreamObserver<SystemSharedMemoryUnregisterResponse> answer) {
            last.set(request);
            reply(answer, SystemSharedMemoryUnregisterResponse.getDefaultInstance());
        }
    }

    @Test
    void serversAndModelsAreDescribed() {
        try (FakeServer server = new Administration(); TritonClient client = client(server)) {
            TritonConnection connection = client.connection();
            assertThat(value(connection.serverInfo())).isEqualTo(new ServerInfo("triton", "2.51.0", List.of("statistics")));
            assertThat(value(connection.modelReady("m"))).isTrue();
            assertThat(value(connection.modelInfo("m"))).isEqualTo(new ModelInfo("m", List.of("1"), "python",
                    List.of(new ModelInfo.Tensor("x", "FP32", List.of(-1L, 4L))), List.of()));
            assertThat(value(connection.repositoryIndex()))
                    .containsExactly(new ModelState("m", "1", "UNAVAILABLE", "unloaded"));
            ModelUse use = value(connection.statistics("m")).get(0);
            assertThat(use.inferences()).isEqualTo(7);
            assertThat(use.executions()).isEqualTo(5);
            assertThat(use.computeInfer()).isEqualTo(new ModelUse.Phase(5, 900));
        }
    }

    @Test
    void modelsAreLoadedWithConfigurationAndFiles() {
        try (Administration server = new Administration(); TritonClient client = client(server)) {
            value(client.connection().load("m", "{}", Map.of("1/model.py", "x".getBytes(StandardCharsets.UTF_8)), LONG));
            RepositoryModelLoadRequest request = (RepositoryModelLoadRequest) server.last.get();
            assertThat(request.getModelName()).isEqualTo("m");
            assertThat(request.getParametersOrThrow("config").getStringParam()).isEqualTo("{}");
            assertThat(request.getParametersOrThrow("file:1/model.py").getBytesParam().toStringUtf8()).isEqualTo("x");
            value(client.connection().load("m", LONG));
            assertThat(((RepositoryModelLoadRequest) server.last.get()).getParametersCount()).isZero();
            value(client.connection().unload("m"));
            assertThat(((RepositoryModelUnloadRequest) server.last.get()).getModelName()).isEqualTo("m");
        }
    }

    /** The server maps the region by the key it was told and adds one to every byte. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void tensorsInSharedMemoryAreNotSent() {
        try (Administration server = new Administration();
                TritonClient client = client(server);
                SharedMemoryRegion region = SharedMemoryRegion.create("triton-client-test", 4096)) {
            value(client.connection().register(region));
            SystemSharedMemoryRegisterRequest registered = (SystemSharedMemoryRegisterRequest) server.last.get();
            assertThat(registered.getByteSize()).isEqualTo(4096);
            server.model((request, answers) -> answers.send(addOne(registered.getKey(), request)));
            region.slice(64, 3).put(new byte[] { 1, 2, 3 });

            InferResponse answer = client.connection().stream().infer(new InferRequest("model")
                    .input("shared", DataType.UINT8, region, 64, 3, 3)
                    .input("sent", DataType.UINT8, ByteBuffer.wrap(new byte[] { 9 }), 1)
                    .output("shared", region, 128, 3).output("sent"), LONG).join();

            assertThat(server.requests().get(0).getRawInputContentsList())
                    .containsExactly(ByteString.copyFrom(new byte[] { 9 }));
            answer.output("shared").require(DataType.UINT8, 3);
            assertThat(answer.output("shared").isInSharedMemory()).isTrue();
            assertThat(region.slice(128, 3)).isEqualTo(ByteBuffer.wrap(new byte[] { 2, 3, 4 }));
            assertThat(answer.output("sent").data()).isEqualTo(ByteBuffer.wrap(new byte[] { 9 }));
            value(client.connection().unregister(region));
            assertThat(((SystemSharedMemoryUnregisterRequest) server.last.get()).getName()).isEqualTo(region.name());
        }
    }

    private static ModelInferResponse.Builder addOne(String key, ModelInferRequest request) {
        Path file = Path.of("/dev/shm").resolve(key.substring(1));
        int from = (int) request.getInputs(0).getParametersOrThrow("shared_memory_offset").getInt64Param();
        int bytes = (int) request.getInputs(0).getParametersOrThrow("shared_memory_byte_size").getInt64Param();
        int to = (int) request.getOutputs(0).getParametersOrThrow("shared_memory_offset").getInt64Param();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096);
            for (int i = 0; i < bytes; i++) {
                memory.put(to + i, (byte) (memory.get(from + i) + 1));
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        ModelInferResponse.Builder answer = FakeServer.answer(request);
        answer.addOutputs(InferOutputTensor.newBuilder().setName("shared").setDatatype("UINT8").addShape(3))
                .addRawOutputContents(ByteString.EMPTY);
        FakeServer.output(answer, "sent", "UINT8", request.getRawInputContents(0), 1);
        return answer;
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aClosedRegionLeavesNoFile() {
        SharedMemoryRegion region = SharedMemoryRegion.create("triton-client-test", 4096);
        Path file = Path.of("/dev/shm", region.name());
        assertThat(file).exists();
        region.close();
        region.close();
        assertThat(file).doesNotExist();
    }

    @Test
    void bytesTensorsAreStringsAndDamagedOnesAreRefused() {
        ByteBuffer two = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putInt(3)
                .put("hé".getBytes(StandardCharsets.UTF_8))
                .putInt(0).flip();
        assertThat(bytes(ByteString.copyFrom(two)).strings()).containsExactly("hé", "");
        assertThatThrownBy(() -> bytes(ByteString.copyFrom(new byte[] { 9, 0, 0, 0, 1 })).strings())
                .isInstanceOf(TritonException.class).hasMessageContaining("do not add up");
        assertThatThrownBy(() -> bytes(ByteString.copyFrom(new byte[] { 1, 0 })).strings())
                .isInstanceOf(TritonException.class);
        assertThatThrownBy(() -> bytes(ByteString.copyFrom(new byte[] { -1, -1, -1, -1 })).strings())
                .isInstanceOf(TritonException.class);
    }

    private static OutputTensor bytes(ByteString content) {
        return new OutputTensor(InferOutputTensor.newBuilder().setName("info").setDatatype("BYTES").addShape(1).build(),
                content);
    }

    @ParameterizedTest
    @CsvSource({ "gpu, gpu, 8001", "gpu:9000, gpu, 9000", "[::1]:9000, ::1, 9000", "[::1], ::1, 8001", "::1, ::1, 8001",
            "' gpu:1 ', gpu, 1" })
    void endpointsAreRead(String text, String host, int port) {
        TritonEndpoint endpoint = TritonEndpoint.parse(text);
        assertThat(endpoint).isEqualTo(new TritonEndpoint(host, port));
        assertThat(TritonEndpoint.parse(endpoint.toString())).isEqualTo(endpoint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "", ":8001", "gpu:", "gpu:0", "gpu:65536", "gpu:grpc" })
    void whatIsNoEndpointIsRefused(String text) {
        assertThatThrownBy(() -> TritonEndpoint.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void waitsDoubleUpToTheLongestWithARandomShareOff() {
        Backoff backoff = new Backoff(Duration.ofMillis(100), Duration.ofSeconds(1), 5, 0.5);
        AtomicInteger different = new AtomicInteger();
        for (int attempt : new int[] { 0, 1, 2, 3, 4, 60, 5000 }) {
            Duration full = Duration.ofMillis((long) Math.min(1000, 100 * Math.pow(2, attempt)));
            for (int i = 0; i < 50; i++) {
                Duration delay = backoff.delay(attempt);
                assertThat(delay).isBetween(full.dividedBy(2), full);
                different.addAndGet(delay.equals(full) ? 0 : 1);
            }
        }
        assertThat(different.get()).isGreaterThan(300);
    }
}
