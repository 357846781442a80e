package io.quarkiverse.eagle.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The tree that is built without sorting everything against {@link ReferenceDraftTree}. */
class DynamicDraftTreePropertyTest {

    private static final int DRAFT_ROWS = 32;

    private final DynamicDraftTree tree = new DynamicDraftTree();
    private final StepRequest request = new StepRequest(new EngineShape(1, 64, DRAFT_ROWS, 1, 0, 0, false), 1, DRAFT_ROWS,
            8 * DRAFT_ROWS);

    @Property(tries = 400, seed = "20240626", edgeCases = EdgeCasesMode.NONE)
    void expandsAndReranksAsSortingEverythingWould(@ForAll @IntRange(min = 1, max = 14) int children,
            @ForAll @IntRange(min = 1, max = 14) int topK, @ForAll @IntRange(min = 1, max = 6) int depth,
            @ForAll @IntRange(max = 127) int nodes, @ForAll boolean tied, @ForAll long seed) {
        Random random = new Random(seed);
        ReferenceDraftTree reference = new ReferenceDraftTree();
        tree.begin();
        for (int i = 0; i < children; i++) {
            float value = logProbability(random, tied);
            tree.addToRoot(i, value);
            reference.addToRoot(i, value);
        }
        for (int level = 1; level <= depth; level++) {
            assertThat(tree.nextFrontier(topK)).isEqualTo(tree.frontierSize());
            reference.nextFrontier(topK);
            frontiersAreEqual(reference);
            for (int i = 0; level < depth && i < tree.frontierSize(); i++) {
                for (int child = 0; child < children; child++) {
                    float value = logProbability(random, tied);
                    tree.addToFrontier(i, random.nextInt(1000), value);
                    reference.addToFrontier(i, tree.token(tree.size() - 1), value);
                }
            }
        }
        bestValuesAreEqual(reference, nodes);
        selectionsAreEqual(reference, nodes);
    }

    private void frontiersAreEqual(ReferenceDraftTree reference) {
        List<ReferenceDraftTree.Candidate> frontier = reference.frontier();
        assertThat(tree.frontierSize()).isEqualTo(frontier.size());
        int[] offsets = offsets(reference);
        int rows = Math.max(Engine.MIN_ROWS, frontier.size());
        request.begin(0, 1, rows, 0, offsets[offsets.length - 1] + rows, 1);
        for (int i = 0; i < frontier.size(); i++) {
            ReferenceDraftTree.Candidate node = frontier.get(i);
            assertThat(tree.frontierToken(i)).isEqualTo(node.token());
            assertThat(tree.frontierValue(i)).isEqualTo(node.value());
            if (node.parent() != null) {
                assertThat(tree.parentPlace(i)).isEqualTo(placeOf(reference, node.parent()));
            }
            tree.seeAncestors(request, 0, i, i, offsets);
            assertThat(seenColumns(i)).containsExactlyInAnyOrderElementsOf(Stream.concat(Stream.of(node), node.ancestors())
                    .map(seen -> offsets[seen.depth() - 1] + placeOf(reference, seen)).toList());
        }
    }

    private List<Integer> seenColumns(int row) {
        return IntStream.range(0, request.window())
                .filter(column -> request.windowMask().get(row * request.window() + column) == 1).boxed().toList();
    }

    /** Window columns of the levels when each frontier's rows follow those of the one before. */
    private static int[] offsets(ReferenceDraftTree reference) {
        int[] offsets = new int[reference.frontiers().size()];
        for (int level = 1; level < offsets.length; level++) {
            offsets[level] = offsets[level - 1] + reference.frontiers().get(level - 1).size();
        }
        return offsets;
    }

    private static int placeOf(ReferenceDraftTree reference, ReferenceDraftTree.Candidate node) {
        return reference.frontiers().get(node.depth() - 1).indexOf(node);
    }

    private void bestValuesAreEqual(ReferenceDraftTree reference, int count) {
        float[] values = new float[count];
        int ranked = tree.rankedValues(values);
        List<ReferenceDraftTree.Candidate> best = reference.best(count);
        assertThat(ranked).isEqualTo(best.size());
        for (int i = 0; i < ranked; i++) {
            assertThat(values[i]).isEqualTo(best.get(i).value());
        }
    }

    private void selectionsAreEqual(ReferenceDraftTree reference, int nodes) {
        DraftTree selected = new DraftTree();
        tree.select(nodes, selected);
        List<ReferenceDraftTree.Candidate> best = reference.best(nodes);
        assertThat(selected.size()).isEqualTo(best.size());
        assertThat(selected.candidates()).isEqualTo(tree.size());
        for (int i = 0; i < best.size(); i++) {
            ReferenceDraftTree.Candidate expected = best.get(i);
            assertThat(selected.token(i)).isEqualTo(expected.token());
            assertThat(selected.value(i)).isEqualTo(expected.value());
            assertThat(selected.depth(i)).isEqualTo(expected.depth());
            assertThat(selected.parent(i)).isEqualTo(best.indexOf(expected.parent()));
        }
    }

    /** Tied draws take one of few values, so that many candidates are worth the same. */
    private static float logProbability(Random random, boolean tied) {
        return tied ? -random.nextInt(3) : (float) Math.log(random.nextDouble());
    }

    /** A large level, so that the arrays grow. */
    @Property(tries = 1)
    void holdsMoreCandidatesThanItStartedWith() {
        tree.begin();
        IntStream.range(0, 5000).forEach(i -> tree.addToRoot(i, -(i * 7919 % 5000)));
        DraftTree selected = new DraftTree();
        tree.select(3, selected);
        assertThat(tree.size()).isEqualTo(5000);
        assertThat(selected.value(0)).isZero();
        assertThat(selected.value(1)).isEqualTo(-1);
        assertThat(selected.value(2)).isEqualTo(-2);
    }
}
