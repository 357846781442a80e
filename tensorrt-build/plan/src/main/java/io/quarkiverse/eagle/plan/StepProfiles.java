package io.quarkiverse.eagle.plan;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Profile;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Range;

/**
 * Optimisation profiles of a bundle's graph, from what its steps look like: a lone row with its masked companion, the tree of
 * EAGLE-2 (60 nodes and the root, up to a path of 6 kept), a prefill chunk; for a draft the 10 nodes of a level.
 */
final class StepProfiles {

    private static final int LONE = 2;
    private static final int TREE_ROWS = 61;
    private static final int PATH = 6;
    private static final int LEVEL_ROWS = 10;

    private final BundleManifest manifest;
    private final BundleManifest.Graph graph;
    private final boolean target;

    StepProfiles(BundleManifest manifest, BundleManifest.Graph graph) {
        this.manifest = manifest;
        this.graph = graph;
        this.target = graph.kind().equals("target");
    }

    /** Rows of a step: the usual and the most; how many of the last step's rows are kept; the window's usual width. */
    private record Step(String name, int usualRows, int mostRows, int usualKept, int mostKept, int usualWindow) {
    }

    /** In the plan's order; the first covers all steps. */
    List<Profile> of(PlanOptions.Profiles wanted) {
        int most = graph.maxRows();
        int tree = Math.min(TREE_ROWS, most);
        int level = Math.min(LEVEL_ROWS, most);
        List<Step> steps = new ArrayList<>();
        steps.add(target ? new Step("any", tree, most, PATH, most, tree + PATH)
                : new Step("any", level, most, 0, 0, Math.min(TREE_ROWS, most)));
        if (wanted == PlanOptions.Profiles.EACH) {
            steps.add(new Step("lone-row", LONE, LONE, 0, most, LONE));
            steps.add(target ? new Step("tree", tree, tree, PATH, most, tree + PATH)
                    : new Step("level", level, level, 0, 0, Math.min(TREE_ROWS, most)));
            steps.add(new Step("prefill", most, most, 0, most, most));
        }
        return steps.stream().map(step -> new Profile(step.name(), inputs(step))).toList();
    }

    private List<Range> inputs(Step step) {
        long slots = manifest.slots();
        long rows = step.mostRows();
        long widest = target ? rows + step.mostKept() : graph.maxRows();
        List<Range> inputs = new ArrayList<>();
        for (String input : List.of("input_ids", "position_ids", "output_rows")) {
            inputs.add(new Range(input, List.of(1L, 1L), List.of(1L, (long) step.usualRows()), List.of(slots, rows)));
        }
        inputs.add(new Range("window_start", List.of(1L), List.of(1L), List.of(slots)));
        inputs.add(new Range("window_mask", List.of(1L, 1L, 1L),
                List.of(1L, (long) step.usualRows(), (long) step.usualWindow()), List.of(slots, rows, widest)));
        if (target) {
            inputs.add(new Range("keep_rows", List.of(1L, 0L), List.of(1L, (long) step.usualKept()),
                    List.of(slots, (long) step.mostKept())));
        } else {
            inputs.add(new Range("write_offset", List.of(1L), List.of(1L), List.of(slots)));
            long width = graph.featureSize();
            inputs.add(new Range("features", List.of(1L, 1L, width), List.of(1L, (long) step.usualRows(), width),
                    List.of(slots, rows, width)));
        }
        List<Long> pool = List.of((long) graph.kvHeads(), poolRows(), (long) graph.headDim());
        for (int layer = 0; layer < graph.layers(); layer++) {
            for (String half : List.of("past_k_", "past_v_")) {
                inputs.add(new Range(half + layer, batchOf(1, pool), batchOf(1, pool), batchOf(slots, pool)));
            }
        }
        return inputs;
    }

    /** Padding and idle slots write past the last token. */
    private long poolRows() {
        return manifest.maxLength() + 2L * graph.maxRows();
    }

    private static List<Long> batchOf(long batch, List<Long> rest) {
        List<Long> shape = new ArrayList<>(List.of(batch));
        shape.addAll(rest);
        return List.copyOf(shape);
    }
}
