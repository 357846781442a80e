package io.quarkiverse.eagle.decode;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.quarkiverse.eagle.tree.DraftTree;

/** Remembers why a sequence was read again. */
final class ToldReplays implements CycleListener {

    private final List<ReplayReason> reasons = new CopyOnWriteArrayList<>();

    @Override
    public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        // Only replays are of interest.
    }

    @Override
    public void replayed(ReplayReason reason) {
        reasons.add(reason);
    }

    List<ReplayReason> reasons() {
        return reasons;
    }
}
