package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Draftable;
import io.quarkiverse.eagle.draft.EagleDrafter;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.CounterRandom;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.tree.TreeVerifier;

/** The benchmarks do what the decoder does, and do it to the end. */
class DraftVerifyCycleTest {

    private final TreeCycleBenchmark benchmark = new TreeCycleBenchmark();
    private final TreeCycleBenchmark.Cycles cycles = new TreeCycleBenchmark.Cycles();

    @BeforeEach
    void prepare() {
        cycles.runTheCycleBefore();
    }

    @Test
    void everyTreeHas60NodesOutOf510Candidates() {
        for (RecordedCycle cycle : cycles.recorded) {
            DraftTree tree = benchmark.build(cycles);
            assertThat(tree.size()).isEqualTo(60);
            assertThat(tree.candidates()).isEqualTo(510);
            assertThat(nodes(tree)).isEqualTo(nodes(cycle.tree()));
        }
    }

    /** Recorded outputs are there at once: so much faster than expected that it counts as the most that a step may surprise. */
    private static final long AT_ONCE = 1;

    @Test
    void theFixedTreeIsTheOneThatTheDrafterProposesFromTheSameOutputs() {
        TreeCycleBenchmark.Economy unused = new TreeCycleBenchmark.Economy();
        RecordedDraftEngine engine = new RecordedDraftEngine();
        EagleDrafter drafter = new EagleDrafter(engine, unused.economy);
        for (RecordedCycle cycle : cycles.recorded) {
            DraftTree proposed = proposal(cycle, TreeBudget.PAPER, drafter, engine);
            DraftTree built = new DraftTree();
            cycles.host.build(cycle.draft(), startOf(cycle), built);
            assertThat(nodes(built)).isEqualTo(nodes(proposed));
            assertEqualSteps(cycles.host.draftRequest(), engine.lastRequest());
        }
    }

    @Test
    void theAdaptiveTreeIsTheOneThatTheDrafterProposesFromTheSameOutputs() {
        RecordedDraftEngine engine = new RecordedDraftEngine();
        EagleDrafter drafter = new EagleDrafter(engine, new TreeCycleBenchmark.Economy().economy);
        TreeCycleBenchmark.Economy economy = new TreeCycleBenchmark.Economy();
        for (RecordedCycle cycle : cycles.recorded) {
            DraftTree proposed = proposal(cycle, null, drafter, engine);
            DraftTree built = new DraftTree();
            cycles.host.buildAdaptively(cycle.draft(), startOf(cycle), economy.economy, AT_ONCE, built);
            assertThat(nodes(built)).isEqualTo(nodes(proposed)).hasSizeGreaterThan(30);
            assertThat(cycles.host.promised()).isGreaterThan(2);
            assertEqualSteps(cycles.host.draftRequest(), engine.lastRequest());
        }
    }

    /** The drafter has seen nothing of the sequence but the tokens that this cycle brought. */
    private DraftTree proposal(RecordedCycle cycle, TreeBudget budget, EagleDrafter drafter, RecordedDraftEngine engine) {
        TreeVerifier verified = cycles.host.verify(cycle.tree(), cycle.target(), cycle.length(), Decoding.GREEDY.sampler());
        OneSequence sequence = new OneSequence(budget, new DraftTree());
        drafter.begin(sequence, 0);
        for (int i = 0; i < verified.count(); i++) {
            drafter.observe(sequence, cycle.target(), 0, verified.acceptedRow(i), verified.emitted(i));
        }
        engine.answerWith(cycle.draft());
        drafter.propose(List.of(sequence));
        return sequence.tree();
    }

    /** The length of a sequence that has one token before those that the cycle brought. */
    private static int startOf(RecordedCycle cycle) {
        return 1 + naiveWalk(cycle, Decoding.GREEDY).size();
    }

    private record OneSequence(TreeBudget budget, DraftTree tree) implements Draftable {

        @Override
        public int slot() {
            return 0;
        }

        @Override
        public int length() {
            throw new UnsupportedOperationException("the drafter counts its rows itself");
        }

        /** Only the first one is asked for, to know later whose rows the pool holds; the others the drafter is told. */
        @Override
        public int token(int index) {
            if (index > 0) {
                throw new UnsupportedOperationException("the drafter is told its tokens");
            }
            return 0;
        }

        @Override
        public int mostNodes() {
            return DraftTree.MAX_NODES;
        }
    }

    @Test
    void everyRowOfTheTargetsStepSeesWhatIsKeptItsAncestorsAndItself() {
        for (RecordedCycle cycle : cycles.recorded) {
            StepRequest request = benchmark.writeRows(cycles);
            assertThat(request.rows()).isEqualTo(61);
            assertThat(request.inputIds().get(0)).isEqualTo(cycle.rootToken());
            for (int row = 0; row < request.rows(); row++) {
                List<Integer> seen = new ArrayList<>(IntStream.range(0, request.keep() + 1).boxed().toList());
                for (int node = row - 1; node != DraftTree.ROOT; node = cycle.tree().parent(node)) {
                    seen.add(request.keep() + 1 + node);
                }
                assertThat(seenColumns(request, row)).containsExactlyInAnyOrderElementsOf(seen);
            }
        }
    }

    private static List<Integer> seenColumns(StepRequest request, int row) {
        return IntStream.range(0, request.window())
                .filter(column -> request.windowMask().get(row * request.window() + column) == 1).boxed().toList();
    }

    @ParameterizedTest
    @EnumSource(names = { "GREEDY", "SAMPLED" })
    void theVerifiersTokensAreThoseOfANaiveWalk(Decoding decoding) {
        TreeCycleBenchmark.Choosing choosing = choosing(decoding);
        for (RecordedCycle cycle : cycles.recorded) {
            assertThat(emitted(benchmark.verify(cycles, choosing))).isEqualTo(naiveWalk(cycle, decoding));
        }
        for (RecordedCycle cycle : cycles.recorded) {
            assertThat(emitted(benchmark.wholeCycle(cycles, choosing))).isEqualTo(naiveWalk(cycle, decoding));
        }
    }

    /** EAGLE-2 reports 4 to 5.5 tokens per greedy cycle, and somewhat fewer sampled ones. */
    @ParameterizedTest
    @EnumSource(names = { "GREEDY", "SAMPLED" })
    void aCycleBringsAboutAsManyTokensAsInThePaper(Decoding decoding) {
        double mean = Stream.of(cycles.recorded).mapToInt(cycle -> naiveWalk(cycle, decoding).size()).average().orElseThrow();
        assertThat(mean).isBetween(3.5, 5.5);
    }

    private static TreeCycleBenchmark.Choosing choosing(Decoding decoding) {
        TreeCycleBenchmark.Choosing choosing = new TreeCycleBenchmark.Choosing();
        choosing.decoding = decoding;
        choosing.makeSampler();
        return choosing;
    }

    private static List<Integer> emitted(TreeVerifier verifier) {
        return IntStream.range(0, verifier.count()).map(verifier::emitted).boxed().toList();
    }

    private static List<Integer> naiveWalk(RecordedCycle cycle, Decoding decoding) {
        List<Integer> tokens = new ArrayList<>();
        int node = DraftTree.ROOT;
        while (true) {
            int token = naiveChoice(cycle.target(), node + 1, decoding, cycle.length() + tokens.size());
            tokens.add(token);
            int parent = node;
            int next = IntStream.range(0, cycle.tree().size())
                    .filter(child -> cycle.tree().parent(child) == parent && cycle.tree().token(child) == token)
                    .findFirst().orElse(-2);
            if (next == -2) {
                return tokens;
            }
            node = next;
        }
    }

    /** The rows' logits are in descending order: the best, or inverse CDF over the first that have 0.9 of the mass. */
    private static int naiveChoice(StepResult rows, int row, Decoding decoding, int position) {
        if (decoding == Decoding.GREEDY) {
            return rows.topId(0, row, 0);
        }
        double[] masses = new double[rows.shape().topK()];
        double mass = 0;
        int kept = 0;
        while (mass < 0.9) {
            mass += Math.exp(rows.topLogit(0, row, kept) - rows.logZ(0, row));
            masses[kept++] = mass;
        }
        double drawn = CounterRandom.u(7, position) * mass;
        return rows.topId(0, row, (int) IntStream.range(0, kept).filter(i -> masses[i] <= drawn).count());
    }

    @ParameterizedTest
    @EnumSource
    void theSamplerDecidesEveryRow(Decoding decoding) {
        SamplerBenchmark sampling = new SamplerBenchmark();
        sampling.decoding = decoding;
        sampling.prepare();
        for (int row = 0; row < 61; row++) {
            assertThat(sampling.sample()).isNotNegative();
        }
    }

    private record Node(int token, int parent, float value) {
    }

    private static List<Node> nodes(DraftTree tree) {
        return IntStream.range(0, tree.size()).mapToObj(i -> new Node(tree.token(i), tree.parent(i), tree.value(i))).toList();
    }

    private static void assertEqualSteps(StepRequest built, StepRequest expected) {
        assertThat(built.rows()).isEqualTo(expected.rows());
        assertThat(built.window()).isEqualTo(expected.window());
        assertThat(built.outputs()).isEqualTo(expected.outputs());
        int rows = expected.rows();
        assertThat(built.inputIds().slice(0, rows)).isEqualTo(expected.inputIds().slice(0, rows));
        assertThat(built.positionIds().slice(0, rows)).isEqualTo(expected.positionIds().slice(0, rows));
        assertThat(built.windowStart().get(0)).isEqualTo(expected.windowStart().get(0));
        assertThat(built.writeOffset().get(0)).isEqualTo(expected.writeOffset().get(0));
        assertThat(built.windowMask().slice(0, rows * expected.window()))
                .isEqualTo(expected.windowMask().slice(0, rows * expected.window()));
        assertThat(built.features().slice(0, rows * DraftOutputs.FEATURE_SIZE))
                .isEqualTo(expected.features().slice(0, rows * DraftOutputs.FEATURE_SIZE));
    }
}
