package io.quarkiverse.eagle.triton.repository;

import java.nio.file.Path;

/**
 * How engine hosts run in Triton.
 *
 * @param runtime what runs the graphs
 * @param gpu the GPU's number; not looked at on a CPU
 * @param slots sequences of each KV pool, 0 takes the bundle's
 * @param threads threads of one step on a CPU, 0 takes the cores
 * @param spinning whether idle threads spin between steps
 * @param leaseSeconds how long a silent client keeps its slots
 * @param bundleAt where the server finds the bundle, for servers that have it already; null copies it into the repository
 */
public record HostOptions(Runtime runtime, int gpu, int slots, int threads, boolean spinning, int leaseSeconds,
        Path bundleAt) {

    /** What runs a graph. */
    public enum Runtime {
        ONNXRUNTIME_CPU("onnxruntime-cpu"),
        ONNXRUNTIME_CUDA("onnxruntime-cuda"),
        ONNXRUNTIME_TENSORRT("onnxruntime-tensorrt"),
        TENSORRT("tensorrt");

        private final String text;

        Runtime(String text) {
            this.text = text;
        }

        /** The name that the engine host knows it by. */
        public String text() {
            return text;
        }

        boolean onGpu() {
            return this != ONNXRUNTIME_CPU;
        }
    }

    public HostOptions {
        if (gpu < 0 || slots < 0 || threads < 0) {
            throw new RepositoryException("gpu is " + gpu + ", slots is " + slots + ", threads is " + threads
                    + "; none may be negative");
        }
        if (leaseSeconds < 1) {
            throw new RepositoryException("lease seconds is " + leaseSeconds + "; it must be at least 1");
        }
        if (bundleAt != null && !bundleAt.isAbsolute()) {
            throw new RepositoryException("the bundle is said to be at " + bundleAt + "; give an absolute path");
        }
    }

    /** ONNX Runtime on the CPU, the bundle's slots, all cores, leases of a minute, the bundle copied. */
    public static HostOptions onCpu() {
        return new HostOptions(Runtime.ONNXRUNTIME_CPU, 0, 0, 0, false, 60, null);
    }
}
