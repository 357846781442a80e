package io.quarkiverse.eagle.cli.tree;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.tree.DraftTree;

/** Keeps every cycle of one generation. Complete once the generation's last token has arrived. */
public final class RecordedCycles implements CycleListener {

    private final List<DrawnCycle> cycles = new ArrayList<>();

    @Override
    public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        int size = tree.size();
        int[] tokens = new int[size];
        int[] parents = new int[size];
        float[] values = new float[size];
        for (int node = 0; node < size; node++) {
            tokens[node] = tree.token(node);
            parents[node] = tree.parent(node);
            values[node] = tree.value(node);
        }
        cycles.add(new DrawnCycle(root, tokens, parents, values, tree.candidates(), Arrays.copyOf(accepted, emittedCount - 1),
                Arrays.copyOf(emitted, emittedCount)));
    }

    /** In their order. */
    public List<DrawnCycle> all() {
        return List.copyOf(cycles);
    }
}
