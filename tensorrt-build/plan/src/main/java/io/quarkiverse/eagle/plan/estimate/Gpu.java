package io.quarkiverse.eagle.plan.estimate;

import java.util.Arrays;
import java.util.Locale;

/**
 * GPUs by their makers' data sheets: memory in GB, its bandwidth in GB/s, and dense fp16/bf16 tensor TFLOP/s with sums in fp32.
 * Data sheets that print figures "with sparsity" are halved. GeForce cards run such sums at half the rate of sums in fp16.
 */
public enum Gpu {
    /** H100 SXM data sheet. */
    H100("NVIDIA H100 SXM 80 GB", 80, 3350, 989),
    /** H200 SXM data sheet. */
    H200("NVIDIA H200 SXM 141 GB", 141, 4800, 989),
    /** A100 80 GB SXM data sheet. */
    A100("NVIDIA A100 SXM 80 GB", 80, 2039, 312),
    /** HGX B200 data sheet, one GPU of eight. */
    B200("NVIDIA B200 180 GB", 180, 8000, 2250),
    /** L40S data sheet. */
    L40S("NVIDIA L40S 48 GB", 48, 864, 362),
    /** L4 data sheet. */
    L4("NVIDIA L4 24 GB", 24, 300, 121),
    /** GA102 white paper, appendix. */
    RTX3090("NVIDIA GeForce RTX 3090 24 GB", 24, 936, 71),
    /** Product page; the tensor rate follows from its 3584 cores and clock as in the GA102 white paper. */
    RTX3060("NVIDIA GeForce RTX 3060 12 GB", 12, 360, 25.5),
    /** Ada white paper, appendix. */
    RTX4090("NVIDIA GeForce RTX 4090 24 GB", 24, 1008, 165);

    private final String fullName;
    private final double memoryGb;
    private final double bandwidthGbs;
    private final double tflops;

    Gpu(String fullName, double memoryGb, double bandwidthGbs, double tflops) {
        this.fullName = fullName;
        this.memoryGb = memoryGb;
        this.bandwidthGbs = bandwidthGbs;
        this.tflops = tflops;
    }

    /** The GPU of that name on the command line. */
    public static Gpu of(String text) {
        return Arrays.stream(values()).filter(gpu -> gpu.text().equalsIgnoreCase(text)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("\"" + text + "\" is not one of "
                        + String.join(", ", Arrays.stream(values()).map(Gpu::text).toList())));
    }

    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    public String fullName() {
        return fullName;
    }

    /** Whether it multiplies 8-bit floating-point numbers; Ampere does not. */
    public boolean float8() {
        return this != A100 && this != RTX3090 && this != RTX3060;
    }

    /** Bytes of memory. */
    public double memory() {
        return memoryGb * 1e9;
    }

    /** Bytes per second, at its peak. */
    public double bandwidth() {
        return bandwidthGbs * 1e9;
    }

    /** Floating-point operations per second, at its peak. */
    public double flops() {
        return tflops * 1e12;
    }
}
