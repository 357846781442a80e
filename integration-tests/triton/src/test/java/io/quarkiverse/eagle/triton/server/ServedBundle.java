package io.quarkiverse.eagle.triton.server;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.HalfBatching;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkiverse.eagle.triton.TritonEngines;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;

/** The default bundle, in a repository and as models over its engines. */
final class ServedBundle {

    static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final ExecutorService EMISSION = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "emission");
        thread.setDaemon(true);
        return thread;
    });

    private ServedBundle() {
    }

    static Bundle bundle() {
        return Bundle.open(DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE));
    }

    /** A repository whose models run on one thread each, so that they and the test share few cores. */
    static Path repository(Path folder) {
        Path out = folder.resolve("repository");
        HostOptions.Runtime runtime = TritonServer.ON_GPU ? HostOptions.Runtime.ONNXRUNTIME_CUDA
                : HostOptions.Runtime.ONNXRUNTIME_CPU;
        new HostRepository(bundle(), new HostOptions(runtime, 0, 4, 1, false, 5,
                bundle().folder().toAbsolutePath())).write(out);
        return out;
    }

    static TritonOptions at(String... endpoints) {
        return TritonOptions.of(TritonClientOptions.of(endpoints)).withSlots(2);
    }

    static SpeculativeModel over(TritonOptions options) {
        return model(TritonEngines.open(bundle(), options));
    }

    static SpeculativeModel over(TritonOptions options, HalfBatching halves) {
        return SpeculativeModel.open(bundle(), () -> TritonEngines.open(bundle(), options),
                options(null).withHalfBatching(halves));
    }

    /**
     * What the server's answers are held against: engines in this process. A GPU rounds otherwise than a CPU, so its answers
     * are
     * held against plain decoding on the same server.
     */
    static SpeculativeModel reference(RealServer server) {
        return TritonServer.ON_GPU ? SpeculativeModel.open(bundle(),
                () -> TritonEngines.open(bundle(), at(server.endpoint())), options("none")) : inProcess();
    }

    private static SpeculativeModel inProcess() {
        return model(OnnxRuntimeEngines.open(bundle(), new OnnxRuntimeOptions(1, 2, false)));
    }

    static SpeculativeModel model(EnginePair engines) {
        return SpeculativeModel.open(bundle(), () -> engines, options(null));
    }

    static ModelOptions options(String drafter) {
        return new ModelOptions(drafter, null, 16, EMISSION).withRecovery(Duration.ofSeconds(60));
    }

    static int[] answer(SpeculativeModel model, String question, GenerationOptions options) {
        return model.generate(GenerationRequest.chat(question).with(options)).await().atMost(PATIENCE).tokenIds();
    }
}
