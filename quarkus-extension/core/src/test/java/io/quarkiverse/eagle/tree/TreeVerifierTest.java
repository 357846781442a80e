package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenSampler;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The walk beside one over lists, for any tree and any choices of the target. */
class TreeVerifierTest {

    private static final int END = 0;

    private static final EngineShape SHAPE = new EngineShape(1, 512, 128, 1, RandomTrees.VOCABULARY, 1, false);

    /** Greedy with a penalty so weak that it changes nothing, but which may raise a logit and so wants to see all of them. */
    private static final GenerationOptions LOOKS_AT_ALL_LOGITS = GenerationOptions.defaults().withPenalties(1, 0, -1e-9);

    /** The target's choice at every row of the step. */
    private static int[] choices(Random random, DraftTree tree) {
        return random.ints(tree.size() + 1, 0, RandomTrees.VOCABULARY).toArray();
    }

    private static StepResult step(int[] choices) {
        StepResult result = new StepResult(SHAPE, choices.length, choices.length);
        result.begin(1, choices.length, choices.length);
        for (int row = 0; row < choices.length; row++) {
            result.topIds().put(row, choices[row]);
            result.topLogits().put(row, 5);
        }
        return result;
    }

    private static void bringLogits(StepResult result, int row, int choice) {
        result.bringLogits(0, row);
        for (int token = 0; token < RandomTrees.VOCABULARY; token++) {
            result.logits().put(result.logitsOffset(0, row) + token, token == choice ? 5 : 1);
        }
    }

    /** Follows the target's choices from the root as long as the tree has them: the rows visited. */
    private static List<Integer> reference(DraftTree tree, int[] choices, int limit) {
        List<Integer> rows = new ArrayList<>();
        int node = DraftTree.ROOT;
        while (rows.size() < limit) {
            rows.add(node + 1);
            int choice = choices[node + 1];
            int next = -2;
            for (int child = 0; child < tree.size(); child++) {
                if (tree.parent(child) == node && tree.token(child) == choice) {
                    next = child;
                }
            }
            if (next == -2 || choice == END) {
                break;
            }
            node = next;
        }
        return rows;
    }

    private static void assertWalked(TreeVerifier verifier, List<Integer> rows, int[] choices) {
        assertThat(verifier.count()).isEqualTo(rows.size());
        for (int i = 0; i < rows.size(); i++) {
            assertThat(verifier.acceptedRow(i)).isEqualTo(rows.get(i));
            assertThat(verifier.emitted(i)).isEqualTo(choices[rows.get(i)]);
        }
    }

    @Property
    void acceptsTheLongestPathThatTheTargetWouldHaveProduced(@ForAll long seed,
            @ForAll @IntRange(max = 127) int nodes, @ForAll @IntRange(min = 1, max = 12) int limit) {
        Random random = new Random(seed);
        DraftTree tree = RandomTrees.tree(random, nodes);
        int[] choices = choices(random, tree);
        TreeVerifier verifier = new TreeVerifier();
        verifier.begin();
        assertThat(verifier.walk(tree, step(choices), 0, new TokenSampler(GenerationOptions.defaults(), 1,
                RandomTrees.VOCABULARY), 10, limit, token -> token == END)).isTrue();
        assertWalked(verifier, reference(tree, choices, limit), choices);
    }

    @Property
    void goesOnWhereItStoppedWhenLogitsHadToBeFetched(@ForAll long seed, @ForAll @IntRange(max = 127) int nodes,
            @ForAll @IntRange(min = 1, max = 12) int limit) {
        Random random = new Random(seed);
        DraftTree tree = RandomTrees.tree(random, nodes);
        int[] choices = choices(random, tree);
        StepResult result = step(choices);
        TokenSampler sampler = new TokenSampler(LOOKS_AT_ALL_LOGITS, 1, RandomTrees.VOCABULARY);
        TreeVerifier verifier = new TreeVerifier();
        verifier.begin();
        int fetches = 0;
        while (!verifier.walk(tree, result, 0, sampler, 10, limit, token -> token == END)) {
            bringLogits(result, verifier.row(), choices[verifier.row()]);
            fetches++;
        }
        assertWalked(verifier, reference(tree, choices, limit), choices);
        assertThat(fetches).isEqualTo(verifier.count());
    }
}
