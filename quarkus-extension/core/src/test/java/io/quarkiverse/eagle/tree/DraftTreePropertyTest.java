package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class DraftTreePropertyTest {

    private static final int ROWS = DraftTree.MAX_NODES + 1;
    private static final int MOST_KEPT = 8;

    private final StepRequest request = new StepRequest(new EngineShape(1, 512, ROWS, 1, 0, 0, false), 1, ROWS,
            ROWS + MOST_KEPT);

    @Property(tries = 300, seed = "20240629", edgeCases = EdgeCasesMode.NONE)
    void everyRowSeesItselfAndItsAncestorsAndNothingElse(@ForAll @IntRange(min = 1, max = DraftTree.MAX_NODES) int nodes,
            @ForAll @IntRange(max = MOST_KEPT) int keep, @ForAll long seed) {
        DraftTree tree = random(nodes, new Random(seed));

        request.begin(0, 1, nodes + 1, keep, keep + nodes + 1, nodes + 1);
        tree.writeRows(request, 0, keep, 4711, 100);

        assertThat(request.inputIds().get(0)).isEqualTo(4711);
        assertThat(request.positionIds().get(0)).isEqualTo(100);
        for (int node = DraftTree.ROOT; node < nodes; node++) {
            for (int column = 0; column < request.window(); column++) {
                boolean sees = request.windowMask().get((node + 1) * request.window() + column) == 1;
                assertThat(sees).isEqualTo(column >= keep && isSelfOrAncestor(tree, column - keep - 1, node));
            }
            if (node != DraftTree.ROOT) {
                assertThat(request.inputIds().get(node + 1)).isEqualTo(tree.token(node));
                assertThat(request.positionIds().get(node + 1)).isEqualTo(100 + tree.depth(node));
            }
        }
    }

    private static boolean isSelfOrAncestor(DraftTree tree, int above, int node) {
        return node == above || node != DraftTree.ROOT && isSelfOrAncestor(tree, above, tree.parent(node));
    }

    @Property(tries = 300, seed = "20240630", edgeCases = EdgeCasesMode.NONE)
    void findsTheFirstChildThatCarriesAToken(@ForAll @IntRange(max = DraftTree.MAX_NODES) int nodes, @ForAll long seed) {
        DraftTree tree = random(nodes, new Random(seed));
        for (int parent = DraftTree.ROOT; parent < nodes; parent++) {
            for (int token = 0; token < 20; token++) {
                int above = parent;
                int wanted = token;
                assertThat(tree.child(parent, token)).isEqualTo(IntStream.range(0, nodes)
                        .filter(node -> tree.parent(node) == above && tree.token(node) == wanted).findFirst().orElse(-2));
            }
        }
    }

    private static DraftTree random(int nodes, Random random) {
        DraftTree tree = new DraftTree();
        for (int node = 0; node < nodes; node++) {
            tree.add(random.nextInt(20), random.nextInt(node + 1) - 1, 0);
        }
        return tree;
    }
}
