package io.quarkiverse.eagle.deployment.triton;

import java.nio.file.Path;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.model.BundleBuilder;
import io.quarkiverse.eagle.triton.local.LocalTritonServer;
import io.quarkiverse.eagle.triton.local.ServerInstallation;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;

/** A Triton server as a process on this machine, whose engine hosts run on the CPU. */
final class LocalTriton implements TritonService {

    private final ServerInstallation installation;
    private final Path bundle;
    private final int slots;
    private ServiceFolder folder;
    private LocalTritonServer server;

    /** @param slots sequences of each KV pool */
    LocalTriton(ServerInstallation installation, Path bundle, int slots) {
        this.slots = slots;
        this.installation = installation;
        this.bundle = bundle;
    }

    @Override
    public void start() {
        folder = ServiceFolder.create();
        HostOptions onCpu = HostOptions.onCpu();
        new HostRepository(Bundle.open(bundle), new HostOptions(onCpu.runtime(), onCpu.gpu(), slots, onCpu.threads(),
                onCpu.spinning(), onCpu.leaseSeconds(), bundle.toAbsolutePath())).write(folder.repository());
        server = LocalTritonServer.of(installation, folder.repository());
        server.start();
    }

    @Override
    public String getConnectionInfo() {
        return server.endpoint();
    }

    @Override
    public String getContainerId() {
        return null;
    }

    @Override
    public String description() {
        return "a Triton server on this machine's CPU at " + server.endpoint();
    }

    @Override
    public void close() {
        if (server != null) {
            server.close();
        }
        if (folder != null) {
            BundleBuilder.delete(folder.path());
        }
    }
}
