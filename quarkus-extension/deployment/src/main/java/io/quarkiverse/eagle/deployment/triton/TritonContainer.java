package io.quarkiverse.eagle.deployment.triton;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import org.testcontainers.containers.BindMode;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

import com.github.dockerjava.api.model.DeviceRequest;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.model.BundleBuilder;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;

/** A Triton server in a container with all GPUs; its engine hosts run the bundle's graphs on the first. */
final class TritonContainer implements TritonService {

    private static final int HTTP = 8000;
    private static final int GRPC = 8001;
    /** The first start installs the host's Python packages, and ONNX Runtime may build TensorRT engines. */
    private static final Duration PATIENCE = Duration.ofMinutes(15);
    private static final long SHARED_MEMORY_BYTES = 1L << 30;
    private static final Path BUNDLE = Path.of("/bundle");
    private static final String REPOSITORY = "/repository";

    private final String image;
    private final Path bundle;
    private final int slots;
    private ServiceFolder folder;
    private GenericContainer<?> container;

    /** @param slots sequences of each KV pool */
    TritonContainer(String image, Path bundle, int slots) {
        this.slots = slots;
        this.image = image;
        this.bundle = bundle;
    }

    @Override
    public void start() {
        folder = ServiceFolder.create();
        HostOptions onCpu = HostOptions.onCpu();
        new HostRepository(Bundle.open(bundle), new HostOptions(HostOptions.Runtime.ONNXRUNTIME_CUDA, 0, slots,
                onCpu.threads(), onCpu.spinning(), onCpu.leaseSeconds(), BUNDLE)).write(folder.repository());
        container = new GenericContainer<>(DockerImageName.parse(image))
                .withExposedPorts(HTTP, GRPC)
                .withFileSystemBind(folder.repository().toString(), REPOSITORY, BindMode.READ_ONLY)
                .withFileSystemBind(bundle.toAbsolutePath().toString(), BUNDLE.toString(), BindMode.READ_ONLY)
                .withSharedMemorySize(SHARED_MEMORY_BYTES)
                .withCreateContainerCmdModifier(command -> command.getHostConfig().withDeviceRequests(
                        List.of(new DeviceRequest().withCount(-1).withCapabilities(List.of(List.of("gpu"))))))
                .withCommand("bash", "-c", "pip install -q -r " + REPOSITORY + "/requirements-gpu.txt && exec tritonserver"
                        + " --model-repository=" + REPOSITORY + " --exit-on-error=false")
                .waitingFor(Wait.forHttp("/v2/health/ready").forPort(HTTP).withStartupTimeout(PATIENCE));
        container.start();
    }

    @Override
    public String getConnectionInfo() {
        return container.getHost() + ":" + container.getMappedPort(GRPC);
    }

    @Override
    public String getContainerId() {
        return container.getContainerId();
    }

    @Override
    public String description() {
        return "a Triton container of " + image + " with a GPU at " + getConnectionInfo();
    }

    @Override
    public void close() {
        if (container != null) {
            container.stop();
        }
        if (folder != null) {
            BundleBuilder.delete(folder.path());
        }
    }
}
