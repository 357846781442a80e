package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.triton.TritonOptions.Drafting;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** The real host's trees are the trees that are drafted level by level, there and in this process. */
@Timeout(300)
class TreeDraftingAtTritonTest {

    private static final List<String> QUESTIONS = List.of("How do magnets work?", "Name three planets.", "What is rust?");

    @TempDir
    private static Path folder;
    private static RealServer server;

    /** What a cycle proposed; a node is its token, its parent and its value. */
    private record Proposal(int root, List<Node> nodes, int candidates) {

        private record Node(int token, int parent, float value) {
        }

        static Proposal of(int root, DraftTree tree) {
            return new Proposal(root, IntStream.range(0, tree.size())
                    .mapToObj(node -> new Node(tree.token(node), tree.parent(node), tree.value(node))).toList(),
                    tree.candidates());
        }
    }

    @BeforeAll
    static void startServer() {
        server = TritonServer.start(ServedBundle.repository(folder));
    }

    @AfterAll
    static void stopServer() {
        if (server != null) {
            server.close();
        }
    }

    private static SpeculativeModel remote(Drafting drafting) {
        return ServedBundle.over(ServedBundle.at(server.endpoint()).withDrafting(drafting));
    }

    private static List<Proposal> proposals(SpeculativeModel model, String question, GenerationOptions options) {
        List<Proposal> proposals = new CopyOnWriteArrayList<>();
        model.stream(GenerationRequest.chat(question).with(options),
                (root, tree, accepted, emitted, count) -> proposals.add(Proposal.of(root, tree)))
                .collect().last().await().atMost(ServedBundle.PATIENCE);
        return proposals;
    }

    @Test
    void bothWaysProposeTheSameTrees() {
        try (SpeculativeModel atOnce = remote(Drafting.TREE); SpeculativeModel byLevels = remote(Drafting.LEVELS)) {
            assertSameTrees(atOnce, byLevels);
        }
    }

    @Test
    void enginesInThisProcessProposeTheSameTrees() {
        assumeFalse(TritonServer.ON_GPU, "a GPU rounds otherwise than this process");
        try (SpeculativeModel atOnce = remote(Drafting.TREE); SpeculativeModel local = ServedBundle.reference(server)) {
            assertSameTrees(atOnce, local);
        }
    }

    private static void assertSameTrees(SpeculativeModel one, SpeculativeModel other) {
        for (TreeBudget budget : List.of(TreeBudget.PAPER, new TreeBudget(12, 4, 4), new TreeBudget(4, 1, 4))) {
            GenerationOptions options = GenerationOptions.defaults().withMaxTokens(24).withBudget(budget)
                    .withDrafter("eagle2");
            List<Proposal> expected = proposals(other, QUESTIONS.get(0), options);
            assertThat(expected).anySatisfy(proposal -> assertThat(proposal.nodes()).isNotEmpty());
            assertThat(proposals(one, QUESTIONS.get(0), options)).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @EnumSource(Drafting.class)
    void aCycleOfSixtyNodesCarriesLittleBeyondItsFeatures(Drafting drafting) {
        try (BadNetwork network = new BadNetwork(server.endpoint());
                SpeculativeModel model = ServedBundle
                        .over(ServedBundle.at(network.endpoint()).withDrafting(drafting))) {
            WholeTrees cycles = new WholeTrees(network, drafting);
            model.stream(GenerationRequest.chat(QUESTIONS.get(1))
                    .with(GenerationOptions.defaults().withMaxTokens(120).withBudget(TreeBudget.PAPER)), cycles)
                    .collect().last().await().atMost(ServedBundle.PATIENCE);
            assertThat(cycles.count).isGreaterThan(3);
            assertThat(cycles.bytesBeyondFeatures()).isBetween(10_000L, 64 * 1024L);
        }
    }

    /** What cycles of 60 nodes carried, whole messages with all that the protocols add, from the second cycle on. */
    private static final class WholeTrees implements CycleListener {

        private final BadNetwork network;
        private final int featureBytes = ServedBundle.bundle().manifest().draftGraph().featureSize() * Float.BYTES;
        private final Drafting drafting;
        private long before = -1;
        private int emittedBefore;
        private long bytes;
        private int count;

        private WholeTrees(BadNetwork network, Drafting drafting) {
            this.network = network;
            this.drafting = drafting;
        }

        @Override
        public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
            long now = network.carried();
            if (before >= 0 && tree.size() == 60) {
                int extension = Math.max(2, emittedBefore);
                // The target's rows come; the extension's go, and level by level theirs and the levels' come and go.
                int features = 61 + extension + (drafting == Drafting.LEVELS ? extension + 2 * 5 * 10 : 0);
                bytes += now - before - (long) features * featureBytes;
                count++;
            }
            before = now;
            emittedBefore = emittedCount;
        }

        private long bytesBeyondFeatures() {
            return bytes / count;
        }
    }

    @Test
    void sequencesOfAnyBudgetSayTogetherWhatEachSaysAlone() {
        try (SpeculativeModel local = ServedBundle.reference(server); SpeculativeModel atOnce = remote(Drafting.TREE)) {
            List<GenerationOptions> options = new ArrayList<>();
            for (TreeBudget budget : new TreeBudget[] { null, new TreeBudget(10, 3, 5), new TreeBudget(6, 6, 1) }) {
                options.add(GenerationOptions.defaults().withMaxTokens(32).withTemperature(0.8).withSeed(7L)
                        .withBudget(budget));
            }
            List<AssertSubscriber<GeneratedToken>> answers = new ArrayList<>();
            for (int i = 0; i < options.size(); i++) {
                answers.add(atOnce.stream(GenerationRequest.chat(QUESTIONS.get(i)).with(options.get(i))).subscribe()
                        .withSubscriber(AssertSubscriber.create(Long.MAX_VALUE)));
            }
            for (int i = 0; i < options.size(); i++) {
                assertThat(answers.get(i).awaitCompletion(ServedBundle.PATIENCE).getItems().stream()
                        .mapToInt(GeneratedToken::id).toArray())
                        .isEqualTo(ServedBundle.answer(local, QUESTIONS.get(i), options.get(i).withDrafter("none")));
            }
        }
    }
}
