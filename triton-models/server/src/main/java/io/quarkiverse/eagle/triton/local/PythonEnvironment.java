package io.quarkiverse.eagle.triton.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A Python virtual environment that is made once and kept, safe against interruption and against two processes at once.
 *
 * @param home its folder
 */
public record PythonEnvironment(Path home) {

    private static final String COMPLETE = "complete";
    private static final long MINUTES = 10;

    /** Installs packages into a new environment. */
    public interface Installation {
        void into(PythonEnvironment environment) throws IOException, InterruptedException;
    }

    /**
     * The environment, made when it is not there.
     *
     * @param home its folder; beside it lie a lock and the log of the installation
     * @throws ServerUnavailableException Python or what is to be installed is missing
     */
    public static PythonEnvironment ensure(Path home, Installation installation) {
        PythonEnvironment environment = new PythonEnvironment(home);
        try {
            Files.createDirectories(home.toAbsolutePath().getParent());
            try (FileChannel channel = FileChannel.open(environment.beside(".lock"), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE); FileLock lock = channel.lock()) {
                if (!Files.exists(home.resolve(COMPLETE))) {
                    environment.run("python3", "-m", "venv", "--clear", home.toString());
                    installation.into(environment);
                    Files.createFile(home.resolve(COMPLETE));
                }
            }
            return environment;
        } catch (IOException e) {
            throw new ServerUnavailableException(e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServerUnavailableException("interrupted while " + home + " was installed", e);
        }
    }

    private Path beside(String suffix) {
        return home.resolveSibling(home.getFileName() + suffix);
    }

    /** A program of the environment. */
    public Path program(String name) {
        return home.resolve("bin").resolve(name);
    }

    /** Installs packages, with more of pip's options. */
    public void pip(String... what) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(program("pip").toString(), "install", "-q", "--disable-pip-version-check"));
        command.addAll(List.of(what));
        run(command.toArray(String[]::new));
    }

    /** Runs a command to its end; its output goes to the log. */
    public void run(String... command) throws IOException, InterruptedException {
        Path log = beside(".log");
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
}
