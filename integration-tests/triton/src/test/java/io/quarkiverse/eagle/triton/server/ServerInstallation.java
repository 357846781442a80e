package io.quarkiverse.eagle.triton.server;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.junit.jupiter.api.Assumptions;

import io.quarkiverse.eagle.graph.DefaultBundle;

/**
 * A Triton server with its Python backend, installed from the Python package {@code nvidia-pytriton} into a virtual environment
 * that is kept in the user's cache. Tests are skipped, with the reason, where Python or the network lacks what it needs.
 *
 * @param python the environment
 * @param server the folder of the server
 */
record ServerInstallation(Path python, Path server) {

    private static final String SERVER = "nvidia-pytriton==0.7.0";
    private static final String NAME = "triton-server-24.10";
    /** Triton's client brings its published schema; only that is used of it. */
    private static final String SCHEMA = "tritonclient==2.73.0";
    private static final String SCHEMA_NAME = "triton-schema-2.73";
    private static final long MINUTES = 10;

    /** The installation, made when there is none; skips the test where that fails. */
    static ServerInstallation ensure() {
        Path home = ensure(NAME, ServerInstallation::install);
        try {
            return new ServerInstallation(home, serverFolder(home));
        } catch (IOException e) {
            return skip("the server cannot be installed: " + e.getMessage());
        }
    }

    /** A Python environment with Triton's published schema; skips the test where there can be none. */
    static Path ensureSchema() {
        return ensure(SCHEMA_NAME, home -> {
            run(home, "python3", "-m", "venv", "--clear", home.toString());
            pip(home, "--no-deps", SCHEMA);
            pip(home, "protobuf");
        });
    }

    /** Fills the folder of an environment. */
    private interface Install {
        void into(Path home) throws IOException, InterruptedException;
    }

    private static Path ensure(String name, Install install) {
        Path home = DefaultBundle.cacheFolder().resolve(name);
        try {
            Files.createDirectories(home.getParent());
            try (FileChannel channel = FileChannel.open(home.resolveSibling(name + ".lock"), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE); FileLock lock = channel.lock()) {
                if (!Files.exists(home.resolve("complete"))) {
                    install.into(home);
                    Files.createFile(home.resolve("complete"));
                }
            }
            return home;
        } catch (IOException e) {
            return skip("the server cannot be installed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return skip("interrupted while the server was installed");
        }
    }

    private static void install(Path home) throws IOException, InterruptedException {
        run(home, "python3", "-m", "venv", "--clear", home.toString());
        pip(home, "--no-deps", SERVER);
        pip(home, "-r",
                Path.of("../../triton-models/host/src/main/python/requirements.txt").toAbsolutePath().normalize().toString());
        Path server = serverFolder(home);
        String version = server.getParent().getParent().getParent().getFileName().toString().replace("python", "");
        Path stub = server.resolve("backends/python/triton_python_backend_stub");
        Files.copy(server.resolve("python_backend_stubs").resolve(version).resolve(stub.getFileName()), stub,
                StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
        run(home, "sh", "-c", "! ldd '" + stub + "' | grep 'not found'");
    }

    private static void pip(Path home, String... what) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(home.resolve("bin/pip").toString(), "install", "-q", "--disable-pip-version-check"));
        command.addAll(List.of(what));
        run(home, command.toArray(String[]::new));
    }

    private static Path serverFolder(Path home) throws IOException {
        try (Stream<Path> versions = Files.list(home.resolve("lib"))) {
            return versions.map(version -> version.resolve("site-packages/pytriton/tritonserver")).filter(Files::isDirectory)
                    .findFirst().orElseThrow(() -> new IOException(SERVER + " has no server for this platform"));
        }
    }

    private static void run(Path home, String... command) throws IOException, InterruptedException {
        Path log = home.resolveSibling(home.getFileName() + ".log");
        Process process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.to(log.toFile())).start();
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new IOException(String.join(" ", command) + " takes more than " + MINUTES + " minutes");
        }
        if (process.exitValue() != 0) {
            List<String> lines = Files.readAllLines(log);
            throw new IOException(String.join(" ", command) + " failed: "
                    + String.join(" / ", lines.subList(Math.max(0, lines.size() - 5), lines.size())));
        }
    }

    private static <T> T skip(String reason) {
        String sentence = "NO TRITON SERVER, its tests are skipped: " + reason
                + " (needed: Linux on x86-64, python3 with venv, libpython3, the Python package index)";
        System.err.println(sentence);
        Assumptions.abort(sentence);
        throw new IllegalStateException(sentence);
    }
}
