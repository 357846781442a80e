package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The tree beside a plain one of lists, which reads as the paper's section 4 does. */
class DynamicDraftTreeTest {

    /** A candidate of the reference; the root's children have no parent. */
    private record Candidate(int index, int token, Candidate parent, int depth, float value) {

        /** Best first; of equal ones the shallower, which was found earlier. */
        static final Comparator<Candidate> BEST_FIRST = Comparator.comparing(Candidate::value, Comparator.reverseOrder())
                .thenComparing(Candidate::index);
    }

    /** Grows both trees from the same drafts. */
    private static final class Growth {
        private final Random random;
        private final int topK;
        private final DynamicDraftTree tree = new DynamicDraftTree();
        private final List<Candidate> all = new ArrayList<>();
        private final List<List<Candidate>> frontiers = new ArrayList<>();
        private List<Candidate> level = new ArrayList<>();

        Growth(long seed, int topK, int levels) {
            this.random = new Random(seed);
            this.topK = topK;
            tree.begin();
            for (int i = 0; i < topK; i++) {
                float logProbability = logProbability();
                tree.addToRoot(i, logProbability);
                level.add(new Candidate(all.size(), i, null, 1, logProbability));
                all.add(level.get(i));
            }
            for (int depth = 1; depth <= levels; depth++) {
                expand(depth);
            }
        }

        /** In quarters, so that many are equal. */
        private float logProbability() {
            return -random.nextInt(12) / 4f;
        }

        private void expand(int depth) {
            List<Candidate> frontier = level.stream().sorted(Candidate.BEST_FIRST).limit(topK).toList();
            assertThat(tree.nextFrontier(topK)).isEqualTo(frontier.size()).isEqualTo(tree.frontierSize());
            assertThat(tree.depth()).isEqualTo(depth);
            level = new ArrayList<>();
            for (int i = 0; i < frontier.size(); i++) {
                Candidate parent = frontier.get(i);
                assertThat(tree.frontierToken(i)).isEqualTo(parent.token());
                assertThat(tree.frontierValue(i)).isEqualTo(parent.value());
                if (parent.parent() != null) {
                    List<Candidate> before = frontiers.get(frontiers.size() - 1);
                    assertThat(before.get(tree.parentPlace(i))).isSameAs(parent.parent());
                }
                for (int token = 0; token < topK; token++) {
                    float logProbability = logProbability();
                    tree.addToFrontier(i, token, logProbability);
                    Candidate child = new Candidate(all.size(), token, parent, depth + 1, parent.value() + logProbability);
                    level.add(child);
                    all.add(child);
                }
            }
            frontiers.add(frontier);
        }
    }

    @Property
    void everyLevelExpandsItsBestNodesAndTheRerankKeepsTheBestOfAll(@ForAll long seed,
            @ForAll @IntRange(min = 1, max = 12) int topK, @ForAll @IntRange(max = 7) int levels,
            @ForAll @IntRange(min = 1, max = 127) int nodes) {
        Growth growth = new Growth(seed, topK, levels);
        DraftTree selected = new DraftTree();
        growth.tree.select(nodes, selected);
        List<Candidate> best = growth.all.stream().sorted(Candidate.BEST_FIRST).limit(nodes).toList();
        assertThat(selected.size()).isEqualTo(best.size());
        assertThat(selected.candidates()).isEqualTo(growth.all.size());
        for (int node = 0; node < best.size(); node++) {
            Candidate expected = best.get(node);
            assertThat(selected.token(node)).isEqualTo(expected.token());
            assertThat(selected.value(node)).isEqualTo(expected.value());
            assertThat(selected.depth(node)).isEqualTo(expected.depth());
            assertThat(selected.parent(node)).isEqualTo(
                    expected.parent() == null ? DraftTree.ROOT : best.indexOf(expected.parent()));
        }
    }

    @Property
    void aParentIsNeverWorthLessThanItsChild(@ForAll long seed, @ForAll @IntRange(min = 1, max = 10) int topK,
            @ForAll @IntRange(max = 6) int levels) {
        DraftTree selected = new DraftTree();
        new Growth(seed, topK, levels).tree.select(127, selected);
        for (int node = 0; node < selected.size(); node++) {
            if (selected.parent(node) != DraftTree.ROOT) {
                assertThat(selected.value(selected.parent(node))).isGreaterThanOrEqualTo(selected.value(node));
            }
        }
    }

    @Property
    void theRankedValuesAreTheHighestInOrder(@ForAll long seed, @ForAll @IntRange(min = 1, max = 10) int topK,
            @ForAll @IntRange(max = 4) int levels, @ForAll @IntRange(min = 1, max = 64) int count) {
        Growth growth = new Growth(seed, topK, levels);
        float[] ranked = new float[count];
        int written = growth.tree.rankedValues(ranked);
        List<Float> best = growth.all.stream().map(Candidate::value).sorted(Comparator.reverseOrder()).limit(count).toList();
        assertThat(written).isEqualTo(best.size());
        for (int i = 0; i < written; i++) {
            assertThat(ranked[i]).isEqualTo(best.get(i));
        }
    }

    @Property
    void aFrontierRowSeesItsAncestorsInTheWindow(@ForAll long seed, @ForAll @IntRange(min = 1, max = 8) int topK,
            @ForAll @IntRange(min = 1, max = 6) int levels) {
        Growth growth = new Growth(seed, topK, levels - 1);
        int[] offsets = new int[levels];
        int window = 0;
        for (int i = 0; i < growth.frontiers.size(); i++) {
            offsets[i] = window;
            window += growth.frontiers.get(i).size();
        }
        List<Candidate> frontier = growth.level.stream().sorted(Candidate.BEST_FIRST).limit(topK).toList();
        int rows = growth.tree.nextFrontier(topK);
        StepRequest request = new StepRequest(new EngineShape(1, 512, 128, 4, 10, 1, true), 1, 128, 256);
        request.begin(0, 1, rows, 0, window + rows, rows);
        for (int t = 0; t < rows; t++) {
            growth.tree.seeAncestors(request, 0, t, t, offsets);
            Set<Integer> expected = new TreeSet<>(Set.of(window + t));
            for (Candidate ancestor = frontier.get(t).parent(); ancestor != null; ancestor = ancestor.parent()) {
                int depth = ancestor.depth();
                expected.add(offsets[depth - 1] + growth.frontiers.get(depth - 1).indexOf(ancestor));
            }
            Set<Integer> seen = new TreeSet<>();
            for (int w = 0; w < request.window(); w++) {
                if (request.windowMask().get(t * request.window() + w) != 0) {
                    seen.add(w);
                }
            }
            assertThat(seen).isEqualTo(expected);
        }
    }
}
