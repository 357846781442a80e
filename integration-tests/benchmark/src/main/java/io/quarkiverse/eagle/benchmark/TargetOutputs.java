package io.quarkiverse.eagle.benchmark;

import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.tree.DraftTree;

/** What a target engine gives for a tree that it mostly agrees with. */
final class TargetOutputs {

    /** Full logits are never asked for, so none are held. */
    static final EngineShape SHAPE = new EngineShape(1, 2048, 128, 64, 0, DraftOutputs.FEATURE_SIZE, false);

    /** The share of nodes whose best child is the target's best token: about four tokens per cycle. */
    private static final double AGREEMENT = 0.9;

    private TargetOutputs() {
    }

    static StepResult random(DraftTree tree, SplittableRandom random) {
        int rows = tree.size() + 1;
        StepResult result = new StepResult(SHAPE, rows, rows);
        result.begin(1, rows, rows);
        for (int row = 0; row < rows; row++) {
            IntStream best = children(tree, row - 1);
            if (random.nextDouble() > AGREEMENT) {
                best = IntStream.concat(random.ints(1, 0, DraftOutputs.VOCABULARY), best);
            }
            Distribution.random(SHAPE.topK(), best, random).write(result, row, (float) random.nextDouble(10, 30));
        }
        DraftOutputs.fillFeatures(result, rows, random);
        return result;
    }

    /** Tokens of a node's children, the most valued first. */
    private static IntStream children(DraftTree tree, int parent) {
        return IntStream.range(0, tree.size()).filter(node -> tree.parent(node) == parent).boxed()
                .sorted(Comparator.comparing(node -> -tree.value(node))).mapToInt(tree::token);
    }
}
