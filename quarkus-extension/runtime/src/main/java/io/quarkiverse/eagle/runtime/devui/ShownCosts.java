package io.quarkiverse.eagle.runtime.devui;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.CostCurve;

/**
 * What a model's budgets are chosen by, and what was chosen.
 *
 * @param target costs of the target's steps, ascending in rows
 * @param draft costs of the draft head's steps; empty without one
 * @param budgets how large the trees of the cycles since the application's start were, ascending in nodes
 */
public record ShownCosts(List<Cost> target, List<Cost> draft, List<Budget> budgets) {

    /**
     * What a step costs now.
     *
     * @param rows rows of the step
     * @param milliseconds its time
     */
    public record Cost(int rows, double milliseconds) {
    }

    /**
     * How often a size was chosen.
     *
     * @param nodes nodes of the tree, 0 for plain decoding
     * @param cycles how many cycles verified so many
     */
    public record Budget(int nodes, long cycles) {
    }

    static ShownCosts of(SpeculativeModel model, BudgetCounts counts) {
        return new ShownCosts(costs(model.targetCosts()),
                model.economy() == null ? List.of() : costs(model.economy().draft().curve()), counts.shown());
    }

    private static List<Cost> costs(CostCurve curve) {
        List<Cost> costs = new ArrayList<>();
        for (int i = 0; i < curve.rows().length; i++) {
            costs.add(new Cost(curve.rows()[i], 1000 * curve.seconds()[i]));
        }
        return costs;
    }
}
