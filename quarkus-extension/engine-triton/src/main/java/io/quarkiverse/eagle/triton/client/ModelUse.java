package io.quarkiverse.eagle.triton.client;

/**
 * Counts of a model since it was loaded.
 *
 * @param lastInference milliseconds since 1970, 0 for never
 * @param inferences successful ones, each element of a batch counted
 * @param executions runs of the model
 */
public record ModelUse(String name, String version, long lastInference, long inferences, long executions, Phase success,
        Phase fail, Phase queue, Phase computeInput, Phase computeInfer, Phase computeOutput) {

    /** How often a phase was passed, and for how long in all. */
    public record Phase(long count, long nanoseconds) {
    }
}
