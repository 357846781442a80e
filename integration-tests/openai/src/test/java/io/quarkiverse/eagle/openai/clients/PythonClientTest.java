package io.quarkiverse.eagle.openai.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The official Python package, in a virtual environment under {@code target}. */
class PythonClientTest {

    private static final String PACKAGE = "openai==3.57.0";
    private static final long MINUTES = 5;

    @Test
    void thePythonPackageReadsAnswersStreamsAndErrors() throws Exception {
        Path python = environment();
        Outcome outcome = run(List.of(python.toString(), "src/test/resources/openai_client.py", ServeProcess.sharedUrl(),
                ServeProcess.KEY));
        assertThat(outcome.status).as(outcome.output).isZero();
        assertThat(outcome.output).endsWith("all is well\n");
    }

    private static Path environment() throws IOException, InterruptedException {
        Path home = Path.of("target", "python-openai");
        Path complete = home.resolve("complete");
        if (!Files.exists(complete)) {
            Files.createDirectories(home.getParent());
            skipUnless(run(List.of("python3", "-m", "venv", "--clear", home.toString())));
            skipUnless(
                    run(List.of(home.resolve("bin/pip").toString(), "install", "-q", "--disable-pip-version-check", PACKAGE)));
            Files.createFile(complete);
        }
        return home.resolve("bin/python");
    }

    private static void skipUnless(Outcome installed) {
        if (installed.status != 0) {
            String sentence = "NO PYTHON CLIENT, its test is skipped: " + installed.output.strip();
            System.err.println(sentence);
            Assumptions.abort(sentence);
        }
    }

    private static Outcome run(List<String> command) throws InterruptedException {
        try {
            Path output = Files.createTempFile(Path.of("target"), "python-", ".log");
            Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
            boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
            process.destroyForcibly();
            return new Outcome(ended ? process.exitValue() : -1, Files.readString(output, StandardCharsets.UTF_8));
        } catch (IOException e) {
            return new Outcome(-1, String.valueOf(e.getMessage()));
        }
    }

    private record Outcome(int status, String output) {
    }
}
