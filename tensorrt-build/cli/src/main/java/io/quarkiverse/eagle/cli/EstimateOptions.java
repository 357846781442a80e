package io.quarkiverse.eagle.cli;

import io.quarkiverse.eagle.plan.estimate.Gpu;
import picocli.CommandLine.Option;

/** What {@code eagle plan --estimate} is asked. */
final class EstimateOptions {

    @Option(names = "--estimate", required = true, description = "Print memory, step times and speed-up on paper, and build"
            + " nothing; needs no GPU.")
    private boolean wanted;

    @Option(names = "--gpu", required = true, paramLabel = "NAME", description = "h100, h200, a100, b200, l40s, l4, rtx3090,"
            + " rtx3060 or rtx4090.")
    private String gpu;

    @Option(names = "--gpus", paramLabel = "N", defaultValue = "1", description = "So many of them hold the layers one after"
            + " another (default: ${DEFAULT-VALUE}).")
    int gpus;

    @Option(names = "--like", paramLabel = "MODEL", description = "A well-known model instead of a bundle: llama2-7b, llama2-13b,"
            + " llama3-8b, vicuna-7b, vicuna-13b, qwen2-7b or smollm2-135m.")
    String like;

    @Option(names = "--weight-bits", paramLabel = "N", description = "Bits of a weight in the target's layers: 16, 8 for fp8, 4 for"
            + " int4 (default: the bundle's, or 16).")
    Integer weightBits;

    @Option(names = "--slots", paramLabel = "N", description = "Sequences that decode at the same time (default: the bundle's,"
            + " or 4).")
    Integer slots;

    @Option(names = "--max-length", paramLabel = "N", description = "Most tokens of a sequence (default: the bundle's, or 2048).")
    Integer maxLength;

    @Option(names = "--tau", paramLabel = "T", description = "Tokens per cycle to reckon with (default: 2, 3, 4 and 5).")
    Double tau;

    Gpu gpu() {
        try {
            return Gpu.of(gpu);
        } catch (IllegalArgumentException e) {
            throw new UsageException("--gpu: " + e.getMessage());
        }
    }
}
