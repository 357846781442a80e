package io.quarkiverse.eagle.onnxruntime;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.concurrent.atomic.AtomicReference;

import org.jboss.logging.Logger;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.engine.EngineException;

/**
 * ONNX Runtime's environment, one per process. Sessions share one thread pool where they can: two pools on the same cores slow
 * each other down. The first engine of the process decides the pool's size; engines that want another size, or find an
 * environment that somebody else made, bring their own threads.
 */
final class RuntimeEnvironment {

    private static final Logger LOG = Logger.getLogger(RuntimeEnvironment.class);

    private static final long STACK_BYTES = 512L << 20;

    private static RuntimeEnvironment shared;

    private final OrtEnvironment environment;
    private final int pooledThreads;
    private final boolean pooledSpinning;

    private RuntimeEnvironment(OrtEnvironment environment, int pooledThreads, boolean pooledSpinning) {
        this.environment = environment;
        this.pooledThreads = pooledThreads;
        this.pooledSpinning = pooledSpinning;
    }

    static synchronized RuntimeEnvironment get(OnnxRuntimeOptions options) {
        if (shared == null) {
            shared = createWithLargeStack(options);
        }
        return shared;
    }

    /**
     * ONNX Runtime reads the process's command line when its environment is made, by a recursion as deep
     * as it is long: a long class path overflows the stack of an ordinary thread and ends the process.
     */
    private static RuntimeEnvironment createWithLargeStack(OnnxRuntimeOptions options) {
        AtomicReference<RuntimeEnvironment> created = new AtomicReference<>();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread thread = new Thread(null, () -> created.set(create(options)), "eagle-onnxruntime-start", STACK_BYTES);
        thread.setUncaughtExceptionHandler((failed, reason) -> failure.set(reason));
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException("interrupted while ONNX Runtime started", e);
        }
        if (failure.get() != null) {
            throw new EngineException("ONNX Runtime cannot start here: " + failure.get().getMessage(), failure.get());
        }
        return created.get();
    }

    private static RuntimeEnvironment create(OnnxRuntimeOptions options) {
        try (OrtEnvironment.ThreadingOptions threading = new OrtEnvironment.ThreadingOptions()) {
            threading.setGlobalIntraOpNumThreads(options.threadCount());
            threading.setGlobalInterOpNumThreads(1);
            threading.setGlobalSpinControl(options.spinning());
            OrtEnvironment environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
                    "quarkus-eagle", threading);
            outliveShutdownHooks();
            return new RuntimeEnvironment(environment, options.threadCount(), options.spinning());
        } catch (OrtException | IllegalStateException e) {
            LOG.debugf("ONNX Runtime's shared thread pool is not available: %s", e.getMessage());
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            outliveShutdownHooks();
            return new RuntimeEnvironment(environment, 0, false);
        }
    }

    /**
     * ONNX Runtime's binding releases the environment in a shutdown hook of its own, beside the hooks of whoever lets running
     * generations come to their end first: the next step would end the process with a crash. The native environment counts who
     * uses it, so one more reference, which the process never gives back, keeps it. The binding has no other way to get one.
     */
    private static void outliveShutdownHooks() {
        try {
            Field api = Class.forName("ai.onnxruntime.OnnxRuntime").getDeclaredField("ortApiHandle");
            api.setAccessible(true);
            Method create = OrtEnvironment.class.getDeclaredMethod("createHandle", long.class, int.class, String.class);
            create.setAccessible(true);
            create.invoke(null, api.getLong(null), OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR.getValue(), "quarkus-eagle");
        } catch (ReflectiveOperationException | RuntimeException e) {
            LOG.warn("ONNX Runtime's environment ends with the first shutdown hook; a generation that still runs then may crash"
                    + " the process", e);
        }
    }

    OrtEnvironment environment() {
        return environment;
    }

    /** Session options that use the shared pool when it fits. */
    OrtSession.SessionOptions sessionOptions(OnnxRuntimeOptions options) throws OrtException {
        OrtSession.SessionOptions session = new OrtSession.SessionOptions();
        if (options.threadCount() == pooledThreads && options.spinning() == pooledSpinning) {
            session.disablePerSessionThreads();
        } else {
            session.setIntraOpNumThreads(options.threadCount());
            session.setInterOpNumThreads(1);
            session.addConfigEntry("session.intra_op.allow_spinning", options.spinning() ? "1" : "0");
        }
        session.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
        session.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
        return session;
    }
}
