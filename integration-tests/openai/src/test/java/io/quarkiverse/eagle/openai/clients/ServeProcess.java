package io.quarkiverse.eagle.openai.clients;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code eagle serve} as a process of its own, as the launcher starts it. */
final class ServeProcess implements AutoCloseable {

    static final String KEY = "a-key-of-the-tests";

    private static final Path SERVER = Path.of("../../quarkus-extension/openai/server/target/quarkus-app/quarkus-run.jar")
            .toAbsolutePath().normalize();

    private final Process process;
    private final BufferedReader output;
    private final Path errors;
    private final int port;

    private ServeProcess(Process process, Path errors, int port) {
        this.process = process;
        this.errors = errors;
        this.port = port;
        this.output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** One server for all tests of this process. */
    private static final class Shared {
        private static final ServeProcess SERVER = start(freePort(), "--api-key", KEY, "--slots", "2", "--threads", "2");

        static {
            SERVER.readyLine();
            Runtime.getRuntime().addShutdownHook(new Thread(SERVER::close));
        }
    }

    static String sharedUrl() {
        return "http://localhost:" + Shared.SERVER.port + "/v1";
    }

    static ServeProcess start(int port, String... options) {
        if (!Files.exists(SERVER)) {
            throw new IllegalStateException("there is no " + SERVER + "; build it first: ./mvnw verify does");
        }
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Deagle.server=" + SERVER, "-cp", classPath(), "io.quarkiverse.eagle.cli.EagleCommand", "serve", "--port",
                String.valueOf(port)));
        command.addAll(List.of(options));
        try {
            Path errors = Files.createTempFile(Path.of("target"), "serve-", ".log");
            return new ServeProcess(new ProcessBuilder(command).redirectError(errors.toFile()).start(), errors, port);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Surefire hides the class path in a jar of its own, and tells it in a property. */
    private static String classPath() {
        String real = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return real.replace(';', File.pathSeparatorChar);
    }

    static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for the line that says that requests are taken. */
    String readyLine() {
        try {
            String line = output.readLine();
            if (line == null) {
                throw new IllegalStateException("the server did not start: " + errors());
            }
            return line;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String errors() {
        try {
            return Files.readString(errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The exit status, once the process has ended. */
    int status() throws InterruptedException {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the process does not end");
        }
        return process.exitValue();
    }

    /** As {@code kill} and, to the processes of a terminal, Ctrl-C do. */
    @Override
    public void close() {
        process.destroy();
    }
}
