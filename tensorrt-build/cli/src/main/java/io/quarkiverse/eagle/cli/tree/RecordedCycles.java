package io.quarkiverse.eagle.cli.tree;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.RecordedCycle;
import io.quarkiverse.eagle.tree.DraftTree;

/** Keeps every cycle of one generation. Complete once the generation's last token has arrived. */
public final class RecordedCycles implements CycleListener {

    private final List<RecordedCycle> cycles = new ArrayList<>();

    @Override
    public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        cycles.add(RecordedCycle.of(root, tree, accepted, emitted, emittedCount));
    }

    /** In their order. */
    public List<RecordedCycle> all() {
        return List.copyOf(cycles);
    }
}
