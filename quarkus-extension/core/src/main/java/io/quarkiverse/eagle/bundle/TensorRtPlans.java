package io.quarkiverse.eagle.bundle;

import java.util.List;

/**
 * What a bundle's TensorRT plans were built with. A plan runs only on the TensorRT version and the kind of GPU that built it,
 * unless it was built to be compatible.
 *
 * @param tensorrt version of TensorRT, for example {@code 11.2.0}
 * @param gpu name of the GPU
 * @param computeCapability of the GPU, for example {@code 9.0}
 * @param versionCompatible whether later TensorRT versions of the same major version run the plans too
 * @param hardware {@code same-gpu}, {@code same-compute-capability} or {@code ampere-plus}: where the plans run
 * @param engines one plan for each graph of the bundle
 */
public record TensorRtPlans(String tensorrt, String gpu, String computeCapability, boolean versionCompatible, String hardware,
        List<Engine> engines) {

    public TensorRtPlans {
        engines = engines == null ? List.of() : List.copyOf(engines);
    }

    /**
     * The plan of one graph.
     *
     * @param kind the graph's kind
     * @param file the plan, one of the bundle's files
     * @param profiles optimisation profiles in the plan's order; the first covers every step
     */
    public record Engine(String kind, String file, List<Profile> profiles) {

        public Engine {
            profiles = profiles == null ? List.of() : List.copyOf(profiles);
        }
    }

    /** Ranges of all inputs that one optimisation profile was built for. */
    public record Profile(String name, List<Range> inputs) {

        public Profile {
            inputs = inputs == null ? List.of() : List.copyOf(inputs);
        }
    }

    /** Shapes of one input: the least, the one that the plan is fastest for, and the most. */
    public record Range(String input, List<Long> least, List<Long> usual, List<Long> most) {
    }
}
