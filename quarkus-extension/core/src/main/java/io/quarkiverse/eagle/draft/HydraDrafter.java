package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;

/**
 * Hydra (arXiv 2402.05109): heads on the target's last feature, each of which also sees the tokens drafted before its own. A
 * level is one step in which every node to expand stands as a sequence of its own: its rows are the root and the node's path.
 */
public final class HydraDrafter extends FeatureHeadDrafter {

    public static final String NAME = "hydra";

    private final int[] path;

    /**
     * @param engine its slots are the nodes of one step; a row for each head, row 0 carries the feature and, as its position,
     *        the head to run
     * @param slots sequences that decode at once
     * @param target cost of the target's steps
     */
    public HydraDrafter(Engine engine, int slots, StepCosts target) {
        super(NAME, engine, slots, target);
        this.path = new int[heads()];
    }

    @Override
    StepRequest begin(int first, int batch) {
        return begin(first, batch, 1);
    }

    @Override
    double grow(List<? extends Draftable> sequences) {
        double spent = 0;
        int nodes = sequences.size();
        for (int level = 0; nodes > 0; level++) {
            StepRequest request = begin(0, nodes);
            int b = 0;
            for (Draftable sequence : sequences) {
                for (int node = 0; node < expanded(sequence, level); node++) {
                    writeNode(request, b++, sequence, node, level);
                }
            }
            run();
            spent += cost(nodes);
            b = 0;
            for (Draftable sequence : sequences) {
                int count = expanded(sequence, level);
                for (int node = 0; node < count; node++) {
                    addChildren(sequence, level == 0 ? -1 : node, b++, 0);
                }
            }
            nodes = closeLevel(sequences, level + 1, spent);
        }
        return spent;
    }

    /** Nodes that a sequence expands at a level: the root at first, then its frontier. */
    private int expanded(Draftable sequence, int level) {
        return !slot(sequence).growing ? 0 : level == 0 ? 1 : slot(sequence).tree.frontierSize();
    }

    private void writeNode(StepRequest request, int b, Draftable sequence, int node, int level) {
        request.feature(b, 0, slot(sequence).feature, 0);
        request.row(b, 0, sequence.token(sequence.length() - 1), level);
        if (level > 0) {
            slot(sequence).tree.path(node, path);
            for (int t = 1; t <= level; t++) {
                request.row(b, t, path[t - 1], 0);
            }
        }
    }

    /** @return nodes of the next level's step, 0 when no sequence goes on */
    private int closeLevel(List<? extends Draftable> sequences, int level, double spent) {
        int nodes = 0;
        for (Draftable sequence : sequences) {
            Slot slot = slot(sequence);
            if (!slot.growing) {
                continue;
            }
            int size = level < levels(sequence) ? nextFrontier(sequence) : 0;
            slot.growing = size > 0
                    && (sequence.budget() != null || anotherLevelPays(slot, sequences.size(), spent));
            nodes += slot.growing ? size : 0;
        }
        return nodes;
    }
}
