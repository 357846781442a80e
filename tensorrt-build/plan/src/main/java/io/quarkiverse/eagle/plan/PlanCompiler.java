package io.quarkiverse.eagle.plan;

import java.nio.file.Path;
import java.util.List;

import io.quarkiverse.eagle.bundle.TensorRtPlans.Profile;

/** What turns one graph into one plan: TensorRT on this machine's GPU. */
public interface PlanCompiler {

    /** What the plans will be bound to. */
    Machine machine();

    /**
     * Builds one plan.
     *
     * @param graph the ONNX graph, its weights beside it
     * @param plan file to write
     * @param profiles at least one
     * @return TensorRT's own description of the plan's layers, as JSON
     * @throws PlanException when TensorRT refuses the graph, with its reasons
     */
    String compile(Path graph, Path plan, List<Profile> profiles, PlanOptions options);

    /**
     * The versions that a plan depends on.
     *
     * @param tensorrt version, for example {@code 11.2.0}
     * @param gpu the GPU's name
     * @param computeCapability for example {@code 9.0}
     */
    record Machine(String tensorrt, String gpu, String computeCapability) {
    }
}
