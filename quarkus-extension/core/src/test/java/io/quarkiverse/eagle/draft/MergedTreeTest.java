package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.tree.DraftTree;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class MergedTreeTest {

    /** Paths of tokens; a path's value falls with its length, by a step that its number decides. */
    @Property
    void everyPathStandsOnceWithItsHighestValueAndTheBestAreTaken(
            @ForAll @Size(max = 20) List<@Size(min = 1, max = 6) List<@IntRange(min = 0, max = 2) Integer>> paths,
            @ForAll @IntRange(max = 40) int nodes) {
        MergedTree merged = new MergedTree();
        Map<List<Integer>, Float> expected = new HashMap<>();
        for (int i = 0; i < paths.size(); i++) {
            List<Integer> path = paths.get(i);
            int node = DraftTree.ROOT;
            for (int depth = 1; depth <= path.size(); depth++) {
                float value = -depth * (1 + i % 5) / 4f;
                node = merged.add(path.get(depth - 1), node, value);
                expected.merge(path.subList(0, depth), value, Math::max);
            }
        }
        float[] ranked = new float[64];
        int count = merged.rank(ranked);
        assertThat(merged.size()).isEqualTo(expected.size());
        List<Float> best = expected.values().stream().sorted((a, b) -> Float.compare(b, a)).limit(64).toList();
        List<Float> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            found.add(ranked[i]);
        }
        assertThat(found).isEqualTo(best);

        DraftTree tree = new DraftTree();
        merged.select(nodes, tree);
        assertThat(tree.size()).isEqualTo(Math.min(nodes, expected.size()));
        assertThat(tree.candidates()).isEqualTo(expected.size());
        List<List<Integer>> taken = new ArrayList<>();
        for (int node = 0; node < tree.size(); node++) {
            List<Integer> path = new ArrayList<>();
            for (int each = node; each != DraftTree.ROOT; each = tree.parent(each)) {
                path.add(0, tree.token(each));
            }
            taken.add(path);
            assertThat(tree.value(node)).isEqualTo(expected.get(path)).isEqualTo(best.get(node));
        }
        assertThat(taken).doesNotHaveDuplicates();
    }

    /** Calibrated values may rise along a path; a node is never taken without its parent all the same. */
    @Test
    void aNodeIsWorthNoMoreThanItsParent() {
        MergedTree merged = new MergedTree();
        int parent = merged.add(7, DraftTree.ROOT, -2);
        merged.add(8, parent, -1);
        merged.add(8, parent, -0.5f);
        merged.rank(new float[4]);
        DraftTree tree = new DraftTree();
        merged.select(1, tree);
        assertThat(tree.token(0)).isEqualTo(7);
        merged.select(2, tree);
        assertThat(tree.parent(1)).isZero();
        assertThat(tree.value(1)).isEqualTo(-2);
    }
}
