package io.quarkiverse.eagle.triton.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A real Triton server as a process: start it, kill it or its models, start it again at the same ports. */
public final class LocalTritonServer implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final long LOOK_AGAIN_MILLIS = 50;
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");

    private final ServerInstallation installation;
    private final Path repository;
    private final Path log;
    private final List<String> options;
    private final int http = freePort();
    private final int grpc = freePort();
    private final int metrics = freePort();
    private final String region = "eagle_test_" + ProcessHandle.current().pid() + "_" + grpc + "_";
    private final HttpClient client = HttpClient.newHttpClient();
    private Process process;

    private LocalTritonServer(ServerInstallation installation, Path repository, List<String> options) {
        this.installation = installation;
        this.repository = repository;
        this.options = options;
        this.log = repository.resolveSibling(repository.getFileName() + "-" + grpc + ".log");
    }

    /**
     * A server that is not started yet; its ports are chosen.
     *
     * @param repository its log lies beside it
     * @param options more of the server's command line
     */
    public static LocalTritonServer of(ServerInstallation installation, Path repository, String... options) {
        return new LocalTritonServer(installation, repository, List.of(options));
    }

    /** Starts the server, after it was stopped or killed. */
    public void start() {
        launch();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try {
            while (!isReady()) {
                if (process.waitFor(LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS)) {
                    throw new ServerUnavailableException("the server ended at once: " + logTail(), null);
                }
                if (System.nanoTime() > deadline) {
                    process.destroyForcibly();
                    throw new ServerUnavailableException("the server is not ready after " + PATIENCE + ": " + logTail(), null);
                }
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new ServerUnavailableException("interrupted while the server started", e);
        }
    }

    /** Starts the server and does not wait for it. */
    public void launch() {
        Path folder = installation.server();
        List<String> command = new ArrayList<>(List.of(folder.resolve("bin/tritonserver").toString(),
                "--model-repository=" + repository, "--backend-directory=" + folder.resolve("backends"),
                "--backend-config=python,shm-region-prefix-name=" + region, "--http-address=127.0.0.1",
                "--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1", "--http-port=" + http, "--grpc-port=" + grpc,
                "--metrics-port=" + metrics));
        command.addAll(options);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        Map<String, String> environment = builder.environment();
        environment.put("PATH", installation.python().home().resolve("bin") + ":" + environment.get("PATH"));
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public boolean isReady() {
        try {
            return get(http, "/v2/health/ready").statusCode() == 200;
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    /** Where the gRPC service listens, as {@code host:port}. */
    public String endpoint() {
        return "127.0.0.1:" + grpc;
    }

    /** Where the HTTP service listens. */
    public URI http() {
        return URI.create("http://127.0.0.1:" + http);
    }

    /** All metrics as text. */
    public String metrics() {
        return get(metrics, "/metrics").body();
    }

    private HttpResponse<String> get(int port, String path) {
        try {
            return client.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                    .timeout(Duration.ofSeconds(5)).build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** The server's process; its children are the processes of its models. */
    public ProcessHandle process() {
        return process.toHandle();
    }

    /** Kills the server and its models, as a crash of the machine would. */
    public void kill() {
        List<ProcessHandle> models = process.descendants().toList();
        process.destroyForcibly();
        models.forEach(ProcessHandle::destroyForcibly);
        awaitEnd();
        removeLeftovers();
    }

    /** Kills the processes of the models; the server stays and calls them ready. */
    public void killModels() {
        process.descendants().toList().forEach(ProcessHandle::destroyForcibly);
    }

    @Override
    public void close() {
        process.destroy();
        awaitEnd();
        removeLeftovers();
    }

    private void awaitEnd() {
        try {
            if (!process.waitFor(40, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A killed server leaves its shared memory behind. */
    private void removeLeftovers() {
        try (Stream<Path> regions = Files.list(SHARED_MEMORY)) {
            for (Path left : regions.filter(file -> file.getFileName().toString().startsWith(region)).toList()) {
                Files.deleteIfExists(left);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String logTail() {
        try {
            List<String> lines = Files.readAllLines(log);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
        } catch (IOException e) {
            return "its log cannot be read: " + e.getMessage();
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
