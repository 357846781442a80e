package io.quarkiverse.eagle.benchmark;

import java.util.SplittableRandom;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * All that the engines bring in one cycle.
 *
 * @param length tokens of the sequence before the cycle
 * @param rootToken the last of them
 * @param tree what follows from the draft's outputs
 * @param target one row for the root and for each node of the tree
 */
record RecordedCycle(int length, int rootToken, DraftOutputs draft, DraftTree tree, StepResult target) {

    /** Different cycles of one sequence, the same at every call. */
    static RecordedCycle[] several(int count) {
        SplittableRandom random = new SplittableRandom(20240624);
        RecordedCycle[] cycles = new RecordedCycle[count];
        for (int i = 0; i < count; i++) {
            DraftOutputs draft = DraftOutputs.random(random);
            DraftTree tree = new DraftTree();
            new DraftVerifyCycle().build(draft, 500 + 5 * i, tree);
            cycles[i] = new RecordedCycle(500 + 5 * i, random.nextInt(DraftOutputs.VOCABULARY), draft, tree,
                    TargetOutputs.random(tree, random));
        }
        return cycles;
    }
}
