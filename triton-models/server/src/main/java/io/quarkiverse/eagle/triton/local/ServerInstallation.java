package io.quarkiverse.eagle.triton.local;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;

import io.quarkiverse.eagle.triton.host.HostFiles;

/**
 * A Triton server with its Python backend, from the Python package {@code nvidia-pytriton}, and what the engine host needs on a
 * CPU.
 *
 * @param python the environment
 * @param server the folder of the server
 */
public record ServerInstallation(PythonEnvironment python, Path server) {

    private static final String PACKAGE = "nvidia-pytriton==0.7.0";
    private static final String NAME = "triton-server-24.10";
    private static final String NEEDED = " (needed: Linux on x86-64, python3 with venv, libpython3, the Python package index)";

    /** Whether it is there already, so that nothing has to be downloaded. */
    public static boolean isThere(Path cache) {
        return Files.exists(cache.resolve(NAME).resolve("complete"));
    }

    /**
     * The installation, made when there is none: a download of a few hundred megabytes.
     *
     * @param cache the folder that it is kept in
     * @throws ServerUnavailableException this machine lacks what it needs
     */
    public static ServerInstallation ensure(Path cache) {
        try {
            PythonEnvironment python = PythonEnvironment.ensure(cache.resolve(NAME), ServerInstallation::install);
            return new ServerInstallation(python, serverFolder(python));
        } catch (ServerUnavailableException | IOException e) {
            throw new ServerUnavailableException("the server cannot be installed: " + e.getMessage() + NEEDED, e);
        }
    }

    private static void install(PythonEnvironment python) throws IOException, InterruptedException {
        python.pip("--no-deps", PACKAGE);
        Path requirements = Files.createDirectories(python.home().resolve("requirements"));
        HostFiles.copyRequirements(requirements);
        python.pip("-r", requirements.resolve("requirements.txt").toString());
        Path server = serverFolder(python);
        String version = server.getParent().getParent().getParent().getFileName().toString().replace("python", "");
        Path stub = server.resolve("backends/python/triton_python_backend_stub");
        Files.copy(server.resolve("python_backend_stubs").resolve(version).resolve(stub.getFileName()), stub,
                StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
        python.run("sh", "-c", "! ldd '" + stub + "' | grep 'not found'");
    }

    private static Path serverFolder(PythonEnvironment python) throws IOException {
        try (Stream<Path> versions = Files.list(python.home().resolve("lib"))) {
            return versions.map(version -> version.resolve("site-packages/pytriton/tritonserver")).filter(Files::isDirectory)
                    .findFirst().orElseThrow(() -> new IOException(PACKAGE + " has no server for this platform"));
        }
    }
}
