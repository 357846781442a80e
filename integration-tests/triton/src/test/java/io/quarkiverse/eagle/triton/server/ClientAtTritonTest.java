package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.triton.client.Backoff;
import io.quarkiverse.eagle.triton.client.DataType;
import io.quarkiverse.eagle.triton.client.InferRequest;
import io.quarkiverse.eagle.triton.client.InferResponse;
import io.quarkiverse.eagle.triton.client.InferStream;
import io.quarkiverse.eagle.triton.client.ModelState;
import io.quarkiverse.eagle.triton.client.ModelUse;
import io.quarkiverse.eagle.triton.client.SharedMemoryRegion;
import io.quarkiverse.eagle.triton.client.TritonClient;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.quarkiverse.eagle.triton.client.TritonConnection;
import io.quarkiverse.eagle.triton.client.TritonException;
import io.quarkiverse.eagle.triton.client.TritonTls;
import io.smallrye.certs.CertificateGenerator;
import io.smallrye.certs.CertificateRequest;
import io.smallrye.certs.Format;
import io.smallrye.certs.PemCertificateFiles;
import io.smallrye.mutiny.Uni;

/** The client against the real server, with a small model that the tests upload themselves. */
@Timeout(180)
class ClientAtTritonTest {

    private static final Duration LONG = Duration.ofSeconds(60);
    private static final String KEY = "triton-grpc-protocol-admin-key";
    private static final Backoff QUICK = new Backoff(Duration.ofMillis(10), Duration.ofMillis(100), 3, 0.5);

    private static final String CONFIG = """
            {"name": "echo", "backend": "python", "max_batch_size": 0,
             "input": [{"name": "x", "data_type": "TYPE_INT64", "dims": [-1]}],
             "output": [{"name": "y", "data_type": "TYPE_INT64", "dims": [-1]}],
             "instance_group": [{"count": 1, "kind": "KIND_CPU"}]}
            """;

    /** Answers x + 1, refuses what begins with -1, dies of -2. */
    private static final String MODEL = """
            import os
            import triton_python_backend_utils as pb

            class TritonPythonModel:
                def execute(self, requests):
                    return [self.answer(request) for request in requests]

                def answer(self, request):
                    x = pb.get_input_tensor_by_name(request, "x").as_numpy()
                    if x[0] == -1:
                        return pb.InferenceResponse(error=pb.TritonError("EAGLE_INVALID x begins with -1"))
                    if x[0] == -2:
                        os._exit(1)
                    return pb.InferenceResponse([pb.Tensor("y", x + 1)])
            """;

    @TempDir
    private static Path folder;
    private static RealServer server;
    private static PemCertificateFiles certificates;
    private static PemCertificateFiles others;
    private TritonClient client;

    /** Answers slowly, one request after the other, and lets two wait. */
    private static final String BUSY_CONFIG = """
            {"name": "busy", "backend": "python", "max_batch_size": 1,
             "input": [{"name": "x", "data_type": "TYPE_INT64", "dims": [-1]}],
             "output": [{"name": "y", "data_type": "TYPE_INT64", "dims": [-1]}],
             "dynamic_batching": {"default_queue_policy": {"max_queue_size": 2}},
             "instance_group": [{"count": 1, "kind": "KIND_CPU"}]}
            """;

    private static final String BUSY_MODEL = """
            import time
            import triton_python_backend_utils as pb

            class TritonPythonModel:
                def execute(self, requests):
                    time.sleep(0.3)
                    return [pb.InferenceResponse([pb.Tensor("y", pb.get_input_tensor_by_name(request, "x").as_numpy() + 1)])
                            for request in requests]
            """;

    /** One server for all: encrypted, wants certificates of its clients, and a key for its repository. */
    @BeforeAll
    static void startServer() throws Exception {
        CertificateGenerator generator = new CertificateGenerator(folder, true);
        certificates = pem(generator, "triton");
        others = pem(generator, "other");
        Path repository = Files.createDirectory(folder.resolve("repository"));
        Files.createDirectories(repository.resolve("listed/1"));
        Files.writeString(repository.resolve("listed/config.pbtxt"), "backend: \"python\"");
        server = TritonServer.start(repository, "--model-control-mode=explicit", "--grpc-use-ssl=true",
                "--grpc-use-ssl-mutual=true", "--grpc-server-cert=" + certificates.certFile(),
                "--grpc-server-key=" + certificates.keyFile(), "--grpc-root-cert=" + certificates.serverTrustFile(),
                "--grpc-restricted-protocol=model-repository:admin-key=secret");
        try (TritonClient admin = new TritonClient(options())) {
            load(admin);
        }
    }

    private static PemCertificateFiles pem(CertificateGenerator generator, String name) throws Exception {
        return (PemCertificateFiles) generator.generate(new CertificateRequest().withName(name).withCN("127.0.0.1")
                .withSubjectAlternativeName("IP:127.0.0.1").withFormat(Format.PEM).withClientCertificate()).get(0);
    }

    @AfterAll
    static void stopServer() {
        if (server != null) {
            server.close();
        }
    }

    private static TritonTls tls() {
        return TritonTls.trusting(certificates.trustFile()).withCertificate(certificates.clientCertFile(),
                certificates.clientKeyFile());
    }

    private static TritonClientOptions options() {
        return TritonClientOptions.of(server.endpoint()).withTls(tls()).withHeaders(Map.of(KEY, "secret"))
                .withBackoff(QUICK);
    }

    private static void load(TritonClient admin) {
        value(admin.connection().load("echo", CONFIG, Map.of("1/model.py", MODEL.getBytes(StandardCharsets.UTF_8)), LONG));
    }

    @BeforeEach
    void connect() {
        client = new TritonClient(options());
    }

    @AfterEach
    void disconnect() {
        client.close();
    }

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

    private static TritonException failure(CompletableFuture<?> stage) {
        try {
            stage.join();
        } catch (CompletionException e) {
            assertThat(e.getCause()).isInstanceOf(TritonException.class);
            return (TritonException) e.getCause();
        }
        throw new AssertionError("the request did not fail");
    }

    private static InferRequest numbers(long... values) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asLongBuffer().put(values);
        return new InferRequest("echo").input("x", DataType.INT64, buffer, values.length);
    }

    private static long[] numbers(InferResponse answer) {
        answer.output("y").require(DataType.INT64, answer.output("y").dimension(0));
        long[] values = new long[(int) answer.output("y").dimension(0)];
        answer.output("y").data().asLongBuffer().get(values);
        return values;
    }

    @Test
    void theServerAndItsModelAreDescribed() {
        TritonConnection connection = client.connection();
        assertThat(value(connection.serverLive())).isTrue();
        assertThat(value(connection.serverReady())).isTrue();
        assertThat(value(connection.modelReady("echo"))).isTrue();
        assertThat(value(connection.modelReady("nobody"))).isFalse();
        assertThat(value(connection.serverInfo()).name()).isEqualTo("triton");
        assertThat(value(connection.serverInfo()).extensions()).contains("system_shared_memory");
        assertThat(value(connection.modelInfo("echo")).inputs()).singleElement()
                .satisfies(input -> assertThat(input.type()).isEqualTo("INT64"));
        assertThat(value(connection.repositoryIndex())).extracting(ModelState::name).contains("listed");
    }

    @Test
    void answersComeOverAStreamInOrderAndOverCallsOfTheirOwn() {
        InferStream stream = client.connection().stream();
        List<CompletableFuture<InferResponse>> answers = new ArrayList<>();
        for (long i = 0; i < 40; i++) {
            answers.add(stream.infer(numbers(i, 7), LONG));
        }
        for (int i = 0; i < 40; i++) {
            assertThat(numbers(answers.get(i).join())).containsExactly(i + 1, 8);
        }
        assertThat(numbers(client.connection().infer(numbers(41), LONG).join())).containsExactly(42);
        ModelUse use = value(client.connection().statistics("echo")).get(0);
        assertThat(use.inferences()).isGreaterThanOrEqualTo(41);
        assertThat(use.success().count()).isGreaterThanOrEqualTo(41);
    }

    @Test
    void anErrorFailsItsRequestOnlyAndKeepsItsText() {
        InferStream stream = client.connection().stream();
        CompletableFuture<InferResponse> bad = stream.infer(numbers(-1), LONG);
        CompletableFuture<InferResponse> good = stream.infer(numbers(1), LONG);
        assertThat(failure(bad)).hasMessageContaining("EAGLE_INVALID x begins with -1");
        assertThat(failure(bad).isRetryable()).isFalse();
        assertThat(numbers(good.join())).containsExactly(2);
        CompletableFuture<InferResponse> wrongType = stream.infer(new InferRequest("echo").input("x", DataType.FP32,
                ByteBuffer.allocate(4), 1), LONG);
        CompletableFuture<InferResponse> unknown = stream.infer(new InferRequest("nobody"), LONG);
        CompletableFuture<InferResponse> again = stream.infer(numbers(2), LONG);
        assertThat(failure(wrongType)).hasMessageContaining("x");
        assertThat(failure(unknown)).hasMessageContaining("nobody");
        assertThat(numbers(again.join())).containsExactly(3);
        assertThat(failure(client.connection().infer(numbers(-1), LONG))).hasMessageContaining("EAGLE_INVALID");
    }

    @Test
    void tensorsInSharedMemoryAreReadAndWrittenThere() {
        try (SharedMemoryRegion region = SharedMemoryRegion.create("eagle-client-test", 4096)) {
            value(client.connection().register(region));
            region.slice(256, 24).asLongBuffer().put(new long[] { 1, 2, 3 });
            InferResponse answer = client.connection().stream().infer(new InferRequest("echo")
                    .input("x", DataType.INT64, region, 256, 24, 3).output("y", region, 1024, 24), LONG).join();
            answer.output("y").require(DataType.INT64, 3);
            assertThat(answer.output("y").isInSharedMemory()).isTrue();
            long[] values = new long[3];
            region.slice(1024, 24).asLongBuffer().get(values);
            assertThat(values).containsExactly(2, 3, 4);
            value(client.connection().unregister(region));
        }
    }

    @Test
    void aFullQueueRefusesAtOnceAndMayBeTriedAgain() {
        value(client.connection().load("busy", BUSY_CONFIG,
                Map.of("1/model.py", BUSY_MODEL.getBytes(StandardCharsets.UTF_8)), LONG));
        List<CompletableFuture<InferResponse>> answers = new ArrayList<>();
        for (long i = 0; i < 12; i++) {
            ByteBuffer x = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, i);
            answers.add(client.connection().stream().infer(new InferRequest("busy").input("x", DataType.INT64, x, 1, 1), LONG));
        }
        int refused = 0;
        for (int i = 0; i < answers.size(); i++) {
            CompletableFuture<InferResponse> answer = answers.get(i);
            if (answer.handle((done, thrown) -> thrown == null).join()) {
                assertThat(answer.join().output("y").data().getLong()).isEqualTo(i + 1);
            } else {
                assertThat(failure(answer)).hasMessageContaining("Exceeds maximum queue size");
                assertThat(failure(answer).isRetryable()).isTrue();
                refused++;
            }
        }
        assertThat(refused).isBetween(1, 11);
    }

    @Test
    void aModelWhoseProcessDiedIsToldAndLoadingItAgainHelps() {
        InferStream stream = client.connection().stream();
        assertThat(failure(stream.infer(numbers(-2), LONG)).isRetryable()).isTrue();
        assertThat(failure(client.connection().infer(numbers(1), LONG)).isRetryable()).isTrue();
        assertThat(value(client.connection().modelReady("echo"))).as("the server notices nothing").isTrue();
        value(client.connection().unload("echo"));
        load(client);
        assertThat(numbers(client.connection().stream().infer(numbers(1), LONG).join())).containsExactly(2);
    }

    @Test
    void theRepositoryIsForThoseWhoKnowTheKey() {
        try (TritonClient stranger = new TritonClient(options().withHeaders(Map.of()))) {
            assertThat(value(stranger.withFailover(TritonConnection::serverLive))).isTrue();
            TritonException refused = failure(stranger.withFailover(TritonConnection::repositoryIndex));
            assertThat(refused).hasMessageContaining(KEY);
            assertThat(refused.isRetryable()).isFalse();
            assertThat(failure(stranger.connection().unload("echo")).isRetryable()).isFalse();
        }
        assertThat(value(client.connection().repositoryIndex())).isNotEmpty();
    }

    @Test
    void aServerOfAnotherAuthorityIsNotTalkedTo() {
        TritonTls wrong = TritonTls.trusting(others.trustFile()).withCertificate(certificates.clientCertFile(),
                certificates.clientKeyFile());
        assertThatThrownBy(() -> reach(wrong)).hasRootCauseInstanceOf(java.security.GeneralSecurityException.class);
    }

    @Test
    void aClientWithoutTheRightCertificateIsNotListenedTo() throws IOException {
        TritonTls anonymous = TritonTls.trusting(certificates.trustFile());
        assertThatThrownBy(() -> reach(anonymous)).isInstanceOf(TritonException.class);
        assertThatThrownBy(() -> reach(anonymous.withCertificate(others.clientCertFile(), others.clientKeyFile())))
                .isInstanceOf(TritonException.class);
        assertThat(reach(tls())).isTrue();
    }

    private static boolean reach(TritonTls tls) {
        try (TritonClient someone = new TritonClient(options().withTls(tls))) {
            return value(someone.withFailover(TritonConnection::serverLive));
        }
    }
}
