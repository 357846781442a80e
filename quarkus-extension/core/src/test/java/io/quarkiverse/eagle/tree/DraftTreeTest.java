package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class DraftTreeTest {

    @Property
    void aRowSeesTheRootItsAncestorsAndItselfAndNothingElse(@ForAll long seed, @ForAll @IntRange(min = 1, max = 127) int nodes,
            @ForAll @IntRange(max = 5) int keep, @ForAll @IntRange(max = 2) int b) {
        DraftTree tree = RandomTrees.tree(new Random(seed), nodes);
        StepRequest request = new StepRequest(new EngineShape(3, 512, 128, 4, 10, 1, false), 3, 3 * 128, 256);
        int rows = tree.size() + 1;
        request.begin(0, 3, rows, keep, keep + rows, rows);
        tree.writeRows(request, b, keep, 9, 100);
        for (int t = 0; t < rows; t++) {
            assertThat(request.inputIds().get(b * rows + t)).isEqualTo(t == 0 ? 9 : tree.token(t - 1));
            assertThat(request.positionIds().get(b * rows + t)).isEqualTo(100 + (t == 0 ? 0 : tree.depth(t - 1)));
            assertThat(seen(request, b, t)).isEqualTo(path(tree, t, keep));
        }
    }

    private static Set<Integer> seen(StepRequest request, int b, int t) {
        Set<Integer> columns = new TreeSet<>();
        for (int w = 0; w < request.window(); w++) {
            if (request.windowMask().get((b * request.rows() + t) * request.window() + w) != 0) {
                columns.add(w);
            }
        }
        return columns;
    }

    /** Window columns from the root to a row. */
    private static Set<Integer> path(DraftTree tree, int row, int keep) {
        Set<Integer> columns = new TreeSet<>(Set.of(keep));
        for (int node = row - 1; node != DraftTree.ROOT; node = tree.parent(node)) {
            columns.add(keep + 1 + node);
        }
        return columns;
    }

    @Property
    void depthsAndChildrenFollowFromTheParents(@ForAll long seed, @ForAll @IntRange(min = 1, max = 127) int nodes) {
        DraftTree tree = RandomTrees.tree(new Random(seed), nodes);
        for (int node = 0; node < tree.size(); node++) {
            int parent = tree.parent(node);
            assertThat(parent).isLessThan(node);
            assertThat(tree.depth(node)).isEqualTo(parent == DraftTree.ROOT ? 1 : tree.depth(parent) + 1);
            assertThat(tree.child(parent, tree.token(node))).isEqualTo(node);
        }
        for (int parent = DraftTree.ROOT; parent < tree.size(); parent++) {
            assertThat(tree.child(parent, RandomTrees.VOCABULARY)).isNegative();
        }
    }

    @Test
    void refusesAParentThatIsNotThereAndMoreNodesThanFit() {
        DraftTree tree = new DraftTree();
        assertThatThrownBy(() -> tree.add(1, 0, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("parent 0 is not in a tree of 0 nodes");
        for (int i = 0; i < DraftTree.MAX_NODES; i++) {
            tree.add(i, i - 1, -i);
        }
        assertThatThrownBy(() -> tree.add(1, 0, 0)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("127 nodes");
    }

    @Property
    void whatGrowsFromANodeIsLeftOfATreeThatDescendsToIt(@ForAll long seed, @ForAll @IntRange(min = 1, max = 127) int nodes) {
        Random random = new Random(seed);
        DraftTree tree = RandomTrees.tree(random, nodes);
        DraftTree whole = RandomTrees.tree(new Random(seed), nodes);
        int root = random.nextInt(tree.size());
        tree.descend(root);
        int next = 0;
        int[] moved = new int[whole.size()];
        for (int node = 0; node < whole.size(); node++) {
            int ancestor = whole.parent(node);
            while (ancestor != DraftTree.ROOT && ancestor != root) {
                ancestor = whole.parent(ancestor);
            }
            if (ancestor == root) {
                moved[node] = next;
                assertThat(tree.token(next)).isEqualTo(whole.token(node));
                assertThat(tree.parent(next))
                        .isEqualTo(whole.parent(node) == root ? DraftTree.ROOT : moved[whole.parent(node)]);
                assertThat(tree.depth(next)).isEqualTo(whole.depth(node) - whole.depth(root));
                assertThat(tree.value(next)).isEqualTo(whole.value(node) - whole.value(root));
                next++;
            }
        }
        assertThat(tree.size()).isEqualTo(next);
    }
}
