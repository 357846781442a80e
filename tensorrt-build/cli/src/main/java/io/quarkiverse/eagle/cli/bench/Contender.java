package io.quarkiverse.eagle.cli.bench;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;

/**
 * What a run of the benchmark compares.
 *
 * @param label the row's name
 * @param drafter the drafter's name
 * @param budget fixed, or null for the adaptive one
 */
public record Contender(String label, String drafter, TreeBudget budget) {

    /** Whether a rule of acceptance has a meaning for it. */
    boolean draws() {
        return drafter.equals(SpeculativeDrafter.NAME);
    }
}
