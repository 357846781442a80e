package io.quarkiverse.eagle.cli.bench;

import java.util.List;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * What a run of the benchmark measured.
 *
 * @param runs by drafter and task
 * @param totals by drafter; {@code tau} and {@code speedup} are means over the tasks
 * @param concurrency generations that ran at once
 * @param differences generations whose tokens were not those of plain decoding; must be 0
 * @param notCompared drafters that keep plain decoding's distribution, but not its tokens
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record BenchReport(Machine machine, String model, double temperature, int maxTokens, int concurrency, List<Run> runs,
        List<Total> totals, int differences, List<String> notCompared, Costs costs) {

    /** In a sentence or two, whether the outputs are plain decoding's. */
    public String equality() {
        String compared = differences > 0 ? differences + " outputs differ from plain decoding's."
                : "Every output equals plain decoding's, token for token.";
        return notCompared.isEmpty() ? compared
                : compared + " Not compared: " + String.join(", ", notCompared)
                        + ", which draws other texts of the same distribution (acceptance rejection).";
    }

    /** Where it ran. */
    public record Machine(String cpu, int cores, String flags, String java, String os) {
    }

    /**
     * One drafter on one task.
     *
     * @param seconds decoding, without the prompts; with more than one generation at once the whole time, prompts included
     * @param tau mean tokens per draft-verify cycle
     * @param speedup plain decoding's seconds per token divided by this drafter's
     * @param nodes mean nodes that a cycle verified
     * @param acceptanceByDepth of the trees that reached a depth, 1 first, the share that was accepted down to it
     * @param times where the cycles' time went
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Run(String drafter, String task, int prompts, int tokens, int cycles, double tau, double seconds,
            double promptSeconds, double tokensPerSecond, double speedup, double nodes, double[] acceptanceByDepth,
            Times times) {
    }

    /**
     * One drafter over all tasks.
     *
     * @param nodes as of a run, as are {@code acceptanceByDepth} and {@code times}
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Total(String drafter, double tau, double speedup, double tokensPerSecond,
            double nodes, double[] acceptanceByDepth, Times times) {
    }

    /**
     * Seconds of draft-verify cycles: the draft's steps, the target's, and everything else that the decode loop did or awaited.
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Times(double draftSeconds, double verifySeconds, double hostSeconds) {

        /** Shares of draft, verify and host in percent; they add up to 100. */
        public double[] percent() {
            double all = draftSeconds + verifySeconds + hostSeconds;
            return all == 0 ? new double[3]
                    : new double[] { 100 * draftSeconds / all, 100 * verifySeconds / all, 100 * hostSeconds / all };
        }
    }

    /** Milliseconds of a step by its rows. */
    public record Costs(int[] targetRows, double[] targetMilliseconds, int[] draftRows, double[] draftMilliseconds) {
    }
}
