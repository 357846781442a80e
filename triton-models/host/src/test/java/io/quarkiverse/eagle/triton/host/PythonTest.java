package io.quarkiverse.eagle.triton.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The host is written in Python, and so are its tests. */
class PythonTest {

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void theTestsInPythonPass() throws Exception {
        String missing = "NO PYTHON, the engine host's own tests are skipped: they need python3 with venv";
        boolean there = canRun("python3", "-c", "import ensurepip, venv");
        if (!there) {
            System.err.println(missing);
        }
        assumeTrue(there, missing);
        Process tests = new ProcessBuilder("./run-python-tests").redirectErrorStream(true).start();
        String output = new String(tests.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(tests.waitFor()).as(output).isZero();
        assertThat(output).containsPattern("Ran [1-9][0-9]+ tests").contains("OK");
    }

    private static boolean canRun(String... command) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getInputStream().readAllBytes();
            return process.waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
