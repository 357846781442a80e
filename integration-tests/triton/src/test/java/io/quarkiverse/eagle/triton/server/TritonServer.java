package io.quarkiverse.eagle.triton.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.Assumptions;
import org.testcontainers.DockerClientFactory;

import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.triton.local.LocalTritonServer;
import io.quarkiverse.eagle.triton.local.PythonEnvironment;
import io.quarkiverse.eagle.triton.local.ServerInstallation;
import io.quarkiverse.eagle.triton.local.ServerUnavailableException;

/** The real servers of the tests. Tests are skipped, with the reason, where none can be installed. */
final class TritonServer {

    /** Set by the profile {@code gpu}: servers run in containers with GPUs. */
    static final boolean ON_GPU = Boolean.getBoolean("eagle.gpu");

    private static final Path GPU = Path.of("/dev/nvidia0");
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    /** Triton's client brings its published schema; only that is used of it. */
    private static final String SCHEMA = "tritonclient==2.73.0";

    private TritonServer() {
    }

    /**
     * Starts a server and waits until its models are ready.
     *
     * @param options more of the server's command line
     */
    static RealServer start(Path repository, String... options) {
        RealServer server = ON_GPU ? container(repository, options)
                : new ProcessServer(LocalTritonServer.of(installation(), repository, options));
        server.start();
        return server;
    }

    private static RealServer container(Path repository, String... options) {
        if (!Files.exists(GPU)) {
            return skip("NO GPU, the tests of Triton on GPUs are skipped: " + GPU + " is not there");
        }
        if (!DockerClientFactory.instance().isDockerAvailable()) {
            return skip("NO DOCKER, the tests of Triton on GPUs are skipped: no Docker engine answers");
        }
        return new ContainerServer(repository, ServedBundle.bundle().folder(), List.of(options));
    }

    private static ServerInstallation installation() {
        try {
            return ServerInstallation.ensure(DefaultBundle.cacheFolder());
        } catch (ServerUnavailableException e) {
            return skip("NO TRITON SERVER, its tests are skipped: " + e.getMessage());
        }
    }

    /** A Python environment with Triton's published schema. */
    static PythonEnvironment schema() {
        try {
            return PythonEnvironment.ensure(DefaultBundle.cacheFolder().resolve("triton-schema-2.73"), python -> {
                python.pip("--no-deps", SCHEMA);
                python.pip("protobuf");
            });
        } catch (ServerUnavailableException e) {
            return skip("NO TRITON SCHEMA, its tests are skipped: " + e.getMessage());
        }
    }

    private static <T> T skip(String sentence) {
        System.err.println(sentence);
        Assumptions.abort(sentence);
        throw new IllegalStateException(sentence);
    }

    /** Loads or unloads a model; the server must run with {@code --model-control-mode=explicit}. */
    static void control(RealServer server, String model, String action) {
        try {
            HttpResponse<String> answer = HttpClient.newHttpClient().send(HttpRequest
                    .newBuilder(server.http().resolve("/v2/repository/models/" + model + "/" + action))
                    .POST(HttpRequest.BodyPublishers.ofString("{}")).timeout(PATIENCE).build(),
                    HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException(action + " of " + model + " failed: " + answer.body());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
