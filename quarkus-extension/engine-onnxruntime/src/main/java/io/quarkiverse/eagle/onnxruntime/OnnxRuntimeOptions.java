package io.quarkiverse.eagle.onnxruntime;

/**
 * How engines run in process.
 *
 * @param slots sequences of the KV pool, 0 takes the bundle's
 * @param threads threads of one step, 0 takes the machine's cores, at most 16
 * @param spinning whether idle threads spin between steps: fastest alone, harmful when the process serves other work
 */
public record OnnxRuntimeOptions(int slots, int threads, boolean spinning) {

    private static final int MOST_THREADS = 16;

    public OnnxRuntimeOptions {
        if (slots < 0) {
            throw new IllegalArgumentException("slots is " + slots + "; it must be positive, or 0 for the bundle's");
        }
        if (threads < 0) {
            throw new IllegalArgumentException("threads is " + threads + "; it must be positive, or 0 for all cores");
        }
    }

    public static OnnxRuntimeOptions defaults() {
        return new OnnxRuntimeOptions(0, 0, false);
    }

    /** The same with another number of slots. */
    public OnnxRuntimeOptions withSlots(int count) {
        return new OnnxRuntimeOptions(count, threads, spinning);
    }

    int threadCount() {
        return threads > 0 ? threads : Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
    }
}
