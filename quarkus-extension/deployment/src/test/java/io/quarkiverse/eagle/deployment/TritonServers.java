package io.quarkiverse.eagle.deployment;

import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Assumptions;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.triton.local.LocalTritonServer;
import io.quarkiverse.eagle.triton.local.ServerInstallation;
import io.quarkiverse.eagle.triton.local.ServerUnavailableException;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;

/** Triton servers of the default bundle on the processor, for applications under test. */
final class TritonServers {

    private TritonServers() {
    }

    /** What a test does before its application starts. */
    interface Preparation {

        /** @param repository of the default bundle, in a folder of the test's own */
        void run(Path repository) throws Exception;
    }

    /**
     * Prepares a test, or skips it loudly where no server can run.
     *
     * @param name of the test's folder
     * @param slots of a server
     */
    static void prepareOrSkip(String name, int slots, Preparation preparation) {
        try {
            Path folder = Files.createTempDirectory(Files.createDirectories(Path.of("target")).toAbsolutePath(), name);
            Bundle bundle = Bundle.openUnverified(DefaultBundle.ensure(DefaultBundle.cacheFolder(), new LoggedProgress()));
            Path repository = folder.resolve("repository");
            new HostRepository(bundle, new HostOptions(HostOptions.Runtime.ONNXRUNTIME_CPU, 0, slots, 1, false, 30,
                    bundle.folder().toAbsolutePath())).write(repository);
            preparation.run(repository);
        } catch (ServerUnavailableException e) {
            String sentence = "NO TRITON SERVER, its tests are skipped: " + e.getMessage();
            System.err.println(sentence);
            Assumptions.abort(sentence);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException("the test cannot be prepared: " + e.getMessage(), e);
        }
    }

    /** A server that does not run yet. */
    static LocalTritonServer of(Path repository, String... options) {
        return LocalTritonServer.of(ServerInstallation.ensure(DefaultBundle.cacheFolder()), repository, options);
    }
}
