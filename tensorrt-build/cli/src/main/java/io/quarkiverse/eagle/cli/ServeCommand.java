package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Starts the server application in a process of its own, and stays until it ends. */
@Command(name = "serve", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Serve a model over the OpenAI API until the command is interrupted." })
final class ServeCommand implements Callable<Integer> {

    /** Set by the launcher, which also builds it: the server application's jar. */
    private static final String SERVER = "eagle.server";
    private static final int PATIENCE_SECONDS = 20;
    /** The status of a process that Ctrl-C or {@code kill} ended, which is how a server ends. */
    private static final Set<Integer> INTERRUPTED = Set.of(130, 143);

    private final Terminal terminal;

    @Option(names = "--port", paramLabel = "P", defaultValue = "8080", description = "Port to listen on (default:"
            + " ${DEFAULT-VALUE}).")
    private int port;

    @Option(names = "--host", paramLabel = "H", defaultValue = "localhost", description = "Address to listen on, 0.0.0.0 for"
            + " all (default: ${DEFAULT-VALUE}).")
    private String host;

    @Option(names = "--api-key", paramLabel = "KEY", description = "Serve only requests that bring this key; may be repeated.")
    private List<String> apiKeys = List.of();

    @Option(names = "--model", paramLabel = "BUNDLE", description = "Engine bundle to serve; without it the default bundle,"
            + " which is built on first use.")
    private Path bundle;

    @Option(names = "--triton", paramLabel = "HOST:PORT", split = ",", description = "Run the engines at this Triton server;"
            + " several, separated by commas, in order of preference.")
    private List<String> triton = List.of();

    @Option(names = "--drafter", paramLabel = "NAME", description = "Drafter of requests that name none.")
    private String drafter;

    @Option(names = "--slots", paramLabel = "N", description = "Generations that run at once (default: the bundle's).")
    private Integer slots;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Threads of one step, 0 for all cores"
            + " (default: ${DEFAULT-VALUE}).")
    private int threads;

    ServeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws InterruptedException {
        check();
        Path folder = bundle != null ? bundle : DefaultModel.ensure(terminal);
        Bundle.openText(folder); // says in one sentence what is wrong with it, before a server starts
        Path server = server();
        requireFreePort();
        return await(start(server, folder));
    }

    private void check() {
        if (port < 1 || port > 65_535) {
            throw new UsageException("--port is " + port + "; it must be between 1 and 65535");
        }
        if (slots != null && slots < 1) {
            throw new UsageException("--slots is " + slots + "; it must be at least 1");
        }
        if (threads < 0) {
            throw new UsageException("--threads is " + threads + "; it must be positive, or 0 for all cores");
        }
        if (apiKeys.stream().anyMatch(key -> key.isBlank() || key.contains(","))) {
            throw new UsageException("an --api-key is empty or has a comma; choose another");
        }
        DecodingOptions.requireDrafter(drafter);
        if (!triton.isEmpty()) {
            try {
                TritonClientOptions.of(triton.toArray(String[]::new));
            } catch (IllegalArgumentException e) {
                throw new UsageException("--triton: " + e.getMessage());
            }
        }
    }

    private static Path server() {
        String jar = System.getProperty(SERVER);
        if (jar == null || !Files.isRegularFile(Path.of(jar))) {
            throw new CommandException("the server application is not built; start it with the launcher, ./eagle serve, which"
                    + " builds it");
        }
        return Path.of(jar);
    }

    private void requireFreePort() {
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true); // as the server does: connections that are closing do not matter
            probe.bind(new InetSocketAddress(host, port));
        } catch (UnknownHostException e) {
            throw new CommandException("--host is " + host + ", which is no address of this machine", e);
        } catch (IOException e) {
            throw new CommandException("cannot listen on " + host + ":" + port + " (" + e.getMessage()
                    + "); choose another --port or --host", e);
        }
    }

    private Process start(Path server, Path folder) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        set(command, "quarkus.http.host", host);
        set(command, "quarkus.http.port", port);
        set(command, "quarkus.eagle.bundle", folder.toAbsolutePath());
        // Nothing but the model runs in that process.
        set(command, "quarkus.eagle.spinning", true);
        if (threads > 0) {
            set(command, "quarkus.eagle.threads", threads);
        }
        if (slots != null) {
            set(command, "quarkus.eagle.slots", slots);
        }
        if (drafter != null) {
            set(command, "quarkus.eagle.drafter", drafter);
        }
        if (!triton.isEmpty()) {
            set(command, "quarkus.eagle.engine", "triton");
            set(command, "quarkus.eagle.triton.endpoints", String.join(",", triton));
        }
        command.addAll(List.of("-jar", server.toString()));
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        if (!apiKeys.isEmpty()) {
            // Not among the arguments, which every user of the machine can list.
            builder.environment().put("QUARKUS_EAGLE_OPENAI_API_KEYS", String.join(",", apiKeys));
        }
        try {
            return builder.start();
        } catch (IOException e) {
            throw new CommandException("the server cannot be started: " + e.getMessage(), e);
        }
    }

    private static void set(List<String> command, String property, Object value) {
        command.add("-D" + property + "=" + value);
    }

    /** Whoever ends this process ends the server with it, which first lets go of what it holds. */
    private static int await(Process server) throws InterruptedException {
        Thread stop = new Thread(() -> stop(server), "eagle-stop-server");
        Runtime.getRuntime().addShutdownHook(stop);
        int status = server.waitFor();
        if (status != 0 && !INTERRUPTED.contains(status)) {
            throw new CommandException("the server ended with status " + status + "; what it wrote above says why");
        }
        return 0;
    }

    private static void stop(Process server) {
        server.destroy();
        try {
            if (!server.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                server.destroyForcibly();
            }
        } catch (InterruptedException e) {
            server.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
