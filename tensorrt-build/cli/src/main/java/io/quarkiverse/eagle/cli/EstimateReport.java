package io.quarkiverse.eagle.cli;

import java.util.List;
import java.util.Locale;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.plan.estimate.Estimate;
import io.quarkiverse.eagle.plan.estimate.Gpu;
import io.quarkiverse.eagle.plan.estimate.Workload;

/** An estimate for people, or as JSON. */
final class EstimateReport {

    private static final int[] ROWS = { 1, 8, 16, 32, Estimate.TREE_ROWS, 128 };
    private static final double GIGA = 1e9;

    private final Gpu gpu;
    private final int gpus;
    private final List<Double> taus;
    private final Workload workload;
    private final Estimate estimate;

    /** @param tau tokens per cycle; null for a range of them */
    EstimateReport(Gpu gpu, int gpus, Double tau, Workload workload) {
        if (tau != null && !(tau >= 1)) {
            throw new UsageException("--tau is " + tau + "; a cycle brings at least 1 token");
        }
        this.gpu = gpu;
        this.gpus = gpus;
        this.taus = tau == null ? List.of(2.0, 3.0, 4.0, 5.0) : List.of(tau);
        this.workload = workload;
        try {
            this.estimate = new Estimate(workload, gpu, gpus);
        } catch (IllegalArgumentException e) {
            throw new UsageException(e.getMessage());
        }
    }

    void print(Terminal terminal, boolean json) {
        if (json) {
            Json.print(document(), terminal.out());
        } else {
            terminal.out().print(text());
        }
    }

    private ObjectNode document() {
        ObjectNode document = Json.object().put("estimate", true).put("gpu", gpu.fullName()).put("gpus", gpus)
                .put("slots", workload.slots()).put("max_length", workload.maxLength()).put("context", workload.context())
                .put("weight_bits", workload.weightBits());
        document.putObject("bytes").put("weights", estimate.weights()).put("kv_pool", estimate.pool())
                .put("workspace", estimate.workspace()).put("total", estimate.memory())
                .put("gpu", gpu.memory() * gpus);
        document.put("fits", estimate.fits());
        ArrayNode steps = document.putArray("target_steps");
        for (int rows : ROWS) {
            steps.addObject().put("rows", rows).put("seconds", estimate.targetStep(rows));
        }
        document.put("cycle_seconds", estimate.cycle());
        document.put("plain_tokens_per_second", estimate.plainTokensPerSecond());
        ArrayNode speeds = document.putArray("speedups");
        for (double tau : taus) {
            speeds.addObject().put("tau", tau).put("tokens_per_second", estimate.tokensPerSecond(tau))
                    .put("speedup", estimate.speedup(tau));
        }
        return document;
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        line(text, "Estimate, not a measurement: %s%s, %d-bit weights, %d slots of %d tokens", gpus > 1 ? gpus + " × " : "",
                gpu.fullName(), workload.weightBits(), workload.slots(), workload.maxLength());
        line(text, "memory   weights %.1f GB, KV pool %.1f GB, workspace %.1f GB: %.1f of %.0f GB, %s",
                estimate.weights() / GIGA, estimate.pool() / GIGA, estimate.workspace() / GIGA, estimate.memory() / GIGA,
                gpus * gpu.memory() / GIGA, estimate.fits() ? "fits" : "does not fit");
        for (int rows : ROWS) {
            line(text, "step     %3d rows per sequence: %.2f ms", rows, 1e3 * estimate.targetStep(rows));
        }
        line(text, "plain    %.0f tokens/s per sequence", estimate.plainTokensPerSecond());
        for (double tau : taus) {
            line(text, "EAGLE-2  τ %.1f: %.0f tokens/s per sequence, %.2f times plain (60 nodes, depth 6)", tau,
                    estimate.tokensPerSecond(tau), estimate.speedup(tau));
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append(System.lineSeparator());
    }
}
