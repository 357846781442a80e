package io.quarkiverse.eagle.plan.estimate;

/**
 * Memory and time of a workload on a GPU, by the roofline: a step takes as long as reading its bytes or doing its sums,
 * whichever is longer. Steps are taken to reach 80 % of the bandwidth and half of the FLOP/s on the data sheet.
 */
public final class Estimate {

    /** The share of a GPU's bandwidth that a step is taken to reach. */
    public static final double BANDWIDTH_SHARE = 0.8;

    /** The share of a GPU's FLOP/s that a step is taken to reach. */
    public static final double FLOPS_SHARE = 0.5;

    /** The tree of the paper: 60 nodes and the root. */
    public static final int TREE_ROWS = 61;

    private static final int LEVELS = 6;
    private static final int LEVEL_ROWS = 10;

    /** Seconds per step outside of the GPU's own work: launching, and the host between steps. */
    private static final double STEP_OVERHEAD = 100e-6;

    private final Workload workload;
    private final Gpu gpu;
    private final int gpus;

    /**
     * @param gpus how many of them hold the model's layers one after another; that adds memory, not speed
     */
    public Estimate(Workload workload, Gpu gpu, int gpus) {
        if (gpus < 1) {
            throw new IllegalArgumentException("there are " + gpus + " GPUs; at least one is needed");
        }
        if (workload.weightBits() == 8 && !gpu.float8()) {
            throw new IllegalArgumentException(
                    gpu.fullName() + " cannot multiply 8-bit floating-point numbers; use weights of 16"
                            + " or 4 bits, or an Ada, Hopper or Blackwell GPU");
        }
        this.workload = workload;
        this.gpu = gpu;
        this.gpus = gpus;
    }

    /** Bytes of the target's and the draft's weights. */
    public double weights() {
        return workload.targetBytes() + workload.draftBytes();
    }

    /** Bytes of all slots' keys and values, the target's layers and the draft's one; twice for functional graphs. */
    public double pool() {
        double rows = workload.maxLength() + 2.0 * workload.maxRows();
        double once = workload.slots() * rows * (workload.model().layers() + 1) * workload.kvBytesPerLayer();
        return workload.functional() ? 2 * once : once;
    }

    /** Bytes of the largest step's logits (16 bits, and in float32) and of one layer's activations. */
    public double workspace() {
        double rows = (double) workload.slots() * workload.maxRows();
        return rows * (6.0 * workload.model().vocabulary()
                + 2.0 * (4.0 * workload.model().hidden() + 3.0 * workload.model().intermediate()));
    }

    public double memory() {
        return weights() + pool() + workspace();
    }

    /** Whether 95 % of the memory holds it all; the rest is the driver's. */
    public boolean fits() {
        return memory() <= 0.95 * gpu.memory() * gpus;
    }

    /** Seconds of one target step with so many rows for each slot. */
    public double targetStep(int rows) {
        return step(workload.targetRead(), workload.targetReadBytes(), workload.model().layers(), rows);
    }

    /** Seconds of one draft step with so many rows for each slot. */
    public double draftStep(int rows) {
        return step(workload.draftRead(), workload.draftReadBytes(), 1, rows);
    }

    private double step(long parameters, double weights, int layers, int rows) {
        double context = workload.context();
        double bytes = weights + workload.slots() * context * layers * workload.kvBytesPerLayer();
        double all = (double) rows * workload.slots();
        double attention = 4.0 * all * context * layers * workload.model().heads() * workload.model().headDim();
        return Math.max(bytes / (gpu.bandwidth() * BANDWIDTH_SHARE),
                (2.0 * parameters * all + attention) / (gpu.flops() * FLOPS_SHARE)) + STEP_OVERHEAD;
    }

    /** Seconds of one draft-verify cycle with the paper's tree: six draft steps and one target step. */
    public double cycle() {
        return LEVELS * draftStep(LEVEL_ROWS) + targetStep(TREE_ROWS);
    }

    /** Tokens per second of one sequence without drafting. */
    public double plainTokensPerSecond() {
        return 1 / targetStep(1);
    }

    /** Tokens per second of one sequence when a cycle brings {@code tau} tokens. */
    public double tokensPerSecond(double tau) {
        return tau / cycle();
    }

    /** How many times faster than plain decoding. */
    public double speedup(double tau) {
        return tokensPerSecond(tau) / plainTokensPerSecond();
    }
}
