package io.quarkiverse.eagle.runtime.devui;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

import io.quarkiverse.eagle.runtime.GenerationListener;
import io.quarkiverse.eagle.tree.DraftTree;

/** Counts how large the trees of a model's cycles were. Thread-safe. */
final class BudgetCounts implements GenerationListener {

    private final AtomicLongArray cycles = new AtomicLongArray(DraftTree.MAX_NODES + 1);

    @Override
    public void cycle(int drafted, int depth, int tokens) {
        cycles.incrementAndGet(drafted);
    }

    /** The sizes that occurred, ascending. */
    List<ShownCosts.Budget> shown() {
        List<ShownCosts.Budget> budgets = new ArrayList<>();
        for (int nodes = 0; nodes < cycles.length(); nodes++) {
            if (cycles.get(nodes) > 0) {
                budgets.add(new ShownCosts.Budget(nodes, cycles.get(nodes)));
            }
        }
        return budgets;
    }
}
