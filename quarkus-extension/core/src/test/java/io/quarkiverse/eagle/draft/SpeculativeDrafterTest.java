package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.tree.DraftTree;

/** How much of an adaptive chain is proposed. */
class SpeculativeDrafterTest {

    private static final ToyLanguage LANGUAGE = ToyLanguage.endless();
    private static final int[] PROMPT = { 3, 1, 4, 1, 5 };
    /** Two rows are the least of a step; every further one costs enough that a chain behind an unlikely token does not pay. */
    private static final CostCurve TARGET = new CostCurve(new int[] { 1, 2, 12 }, new double[] { 1, 1.3, 1.6 });
    private static final CostCurve DRAFT = new CostCurve(new int[] { 1 }, new double[] { 0.02 });

    /** A sequence for which the draft always takes the token of one rank. */
    private record Ranked(Acceptance acceptance, int rank, DraftTree tree) implements Draftable {

        @Override
        public int slot() {
            return 0;
        }

        @Override
        public int length() {
            return PROMPT.length;
        }

        @Override
        public int token(int index) {
            return PROMPT[index];
        }

        @Override
        public TreeBudget budget() {
            return null;
        }

        @Override
        public int mostNodes() {
            return DraftTree.MAX_NODES;
        }

        @Override
        public int draft(StepResult result, int b, int r, int[] chain, int count) {
            return result.topId(b, r, rank);
        }
    }

    private static int proposed(Acceptance acceptance, int rank) {
        Ranked sequence = new Ranked(acceptance, rank, new DraftTree());
        try (SpeculativeDrafter drafter = new SpeculativeDrafter(
                new ToyTarget(LANGUAGE, 1, 64, 16, LANGUAGE.vocabulary(), true),
                new SpeculationEconomy(TARGET, DRAFT, List.of()))) {
            drafter.begin(sequence, 0);
            drafter.propose(List.of(sequence));
        }
        return sequence.tree().size();
    }

    @Test
    void coupledTokensAreProposedWhereTheDraftIsSureOfThem() {
        assertThat(proposed(Acceptance.COUPLED, 0)).isGreaterThan(proposed(Acceptance.COUPLED, 9));
    }

    /** A token that is proposed because it is likely would be too frequent in the text. */
    @Test
    void withRejectionAChainsLengthDoesNotDependOnItsTokens() {
        int likely = proposed(Acceptance.REJECTION, 0);
        assertThat(likely).isPositive();
        for (int rank = 1; rank < LANGUAGE.vocabulary() - 1; rank++) {
            assertThat(proposed(Acceptance.REJECTION, rank)).isEqualTo(likely);
        }
    }
}
