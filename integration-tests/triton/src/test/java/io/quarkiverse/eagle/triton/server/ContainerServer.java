package io.quarkiverse.eagle.triton.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.testcontainers.containers.BindMode;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

import com.github.dockerjava.api.model.DeviceRequest;

/** A server in a container with all GPUs. Folders have the same paths inside, so that options can name files. */
final class ContainerServer implements RealServer {

    private static final String IMAGE = System.getProperty("eagle.gpu.image", "nvcr.io/nvidia/tritonserver:25.10-py3");
    private static final int HTTP = 8000;
    private static final int GRPC = 8001;
    private static final int METRICS = 8002;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final long SHARED_MEMORY_BYTES = 1L << 30;

    private final Path repository;
    private final Path bundle;
    private final List<String> options;
    private final int http = freePort();
    private final int grpc = freePort();
    private final int metrics = freePort();
    private GenericContainer<?> container;

    ContainerServer(Path repository, Path bundle, List<String> options) {
        this.repository = repository.toAbsolutePath();
        this.bundle = bundle.toAbsolutePath();
        this.options = options;
    }

    @Override
    public void start() {
        List<String> server = new ArrayList<>(List.of("tritonserver", "--model-repository=" + repository));
        server.addAll(options);
        container = new GenericContainer<>(DockerImageName.parse(IMAGE))
                .withFileSystemBind(repository.getParent().toString(), repository.getParent().toString(), BindMode.READ_ONLY)
                .withFileSystemBind(bundle.toString(), bundle.toString(), BindMode.READ_ONLY)
                .withSharedMemorySize(SHARED_MEMORY_BYTES)
                .withExposedPorts(HTTP, GRPC, METRICS)
                .withCreateContainerCmdModifier(command -> command.getHostConfig().withDeviceRequests(
                        List.of(new DeviceRequest().withCount(-1).withCapabilities(List.of(List.of("gpu"))))))
                .withCommand("bash", "-c", "pip install -q -r " + repository + "/requirements-gpu.txt && exec "
                        + String.join(" ", server))
                .waitingFor(Wait.forHttp("/v2/health/ready").forPort(HTTP).withStartupTimeout(PATIENCE));
        container.setPortBindings(List.of(http + ":" + HTTP, grpc + ":" + GRPC, metrics + ":" + METRICS));
        container.start();
    }

    @Override
    public void kill() {
        container.getDockerClient().killContainerCmd(container.getContainerId()).exec();
        container.stop();
    }

    @Override
    public void killModels() {
        try {
            container.execInContainer("pkill", "-9", "-f", "triton_python_backend_stub");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public String endpoint() {
        return container.getHost() + ":" + grpc;
    }

    @Override
    public URI http() {
        return URI.create("http://" + container.getHost() + ":" + http);
    }

    @Override
    public String metrics() {
        try {
            URI uri = URI.create("http://" + container.getHost() + ":" + metrics + "/metrics");
            return HttpClient.newHttpClient().send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
                    .body();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        container.stop();
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
