package io.quarkiverse.eagle.triton;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.google.protobuf.ByteString;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.triton.TritonOptions.Drafting;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;

/** A tree that is drafted in one request is the tree that is drafted level by level. */
@Timeout(120)
class TreeDraftingTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2").withMaxTokens(60);

    private final List<FakeHost> hosts = new ArrayList<>();

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

    @AfterEach
    void closeHosts() {
        hosts.forEach(FakeHost::close);
    }

    private ToyModel.Builder toy(Drafting drafting, boolean sharedMemory) {
        return ToyModel.of(ENDLESS).withoutLogits().behind((bundle, engines) -> {
            FakeHost host = new FakeHost(bundle, engines);
            hosts.add(host);
            return TritonEngines.open(bundle, TritonOptions.of(TritonClientOptions.of(host.server().endpoint()))
                    .withDrafting(drafting).withSharedMemory(sharedMemory));
        });
    }

    private FakeHost host() {
        return hosts.get(hosts.size() - 1);
    }

    private List<Proposal> proposals(ToyModel toy, int[] prompt, GenerationOptions options) {
        List<Proposal> proposals = new CopyOnWriteArrayList<>();
        Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, options),
                (root, tree, accepted, emitted, count) -> proposals.add(Proposal.of(root, tree)))).awaitAnswer();
        return proposals;
    }

    private List<Proposal> proposals(Drafting drafting, int[] prompt, GenerationOptions options) {
        try (ToyModel toy = toy(drafting, false).open()) {
            return proposals(toy, prompt, options);
        }
    }

    @ParameterizedTest
    @CsvSource({ "20, 6, 4", "60, 10, 6", "127, 10, 16", "5, 1, 5", "1, 1, 1", "9, 3, 2" })
    void bothWaysProposeTheSameTrees(int nodes, int topK, int depth) {
        int[] prompt = ToyModel.prompt(30, nodes);
        GenerationOptions options = EAGLE.withBudget(new TreeBudget(nodes, topK, depth)).withTemperature(1).withSeed(3L);
        List<Proposal> atOnce = proposals(Drafting.TREE, prompt, options);
        assertThat(host().draft().operations().contains("tree")).isEqualTo(depth > 1);
        List<Proposal> byLevels = proposals(Drafting.LEVELS, prompt, options);
        assertThat(host().draft().operations()).doesNotContain("tree");
        assertThat(atOnce).isEqualTo(byLevels).anySatisfy(proposal -> assertThat(proposal.nodes()).isNotEmpty());
    }

    @Test
    void oneRequestBringsAWholeTree() {
        try (ToyModel toy = toy(Drafting.TREE, false).open()) {
            toy.ids(ToyModel.prompt(10, 1), EAGLE.withBudget(TreeBudget.PAPER)); // whatever is asked once
            int before = host().draft().operations().size();
            int cycles = proposals(toy, ToyModel.prompt(10, 2), EAGLE.withBudget(TreeBudget.PAPER)).size();
            List<String> after = host().draft().operations();
            assertThat(after.subList(before, after.size())).containsOnly("tree").hasSizeBetween(cycles - 1, cycles + 1);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    @EnabledOnOs(OS.LINUX)
    void sequencesOfDifferentBudgetsShareARequest(boolean sharedMemory) {
        List<GenerationOptions> wanted = List.of(EAGLE.withBudget(new TreeBudget(60, 10, 6)), EAGLE,
                EAGLE.withBudget(new TreeBudget(3, 1, 4)), EAGLE.withDrafter("none"),
                EAGLE.withBudget(new TreeBudget(5, 4, 1)), EAGLE.withDrafter("mixed").withBudget(new TreeBudget(8, 4, 3)));
        try (ToyModel toy = toy(Drafting.TREE, sharedMemory).slots(4).open()) {
            List<Consumer> answers = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                GenerationOptions options = wanted.get(i % wanted.size()).withTemperature(1).withSeed((long) i);
                answers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(ToyModel.prompt(3 + 9 * i, i), options))));
            }
            for (int i = 0; i < answers.size(); i++) {
                assertThat(answers.get(i).awaitAnswer()).isEqualTo(ENDLESS.seeded(ToyModel.prompt(3 + 9 * i, i), 60, i));
            }
            assertThat(host().draft().operations()).contains("tree");
        }
    }

    @Test
    void anAnswerThatExpandsNoNodeOfItsLevelIsRefused() {
        try (ToyModel toy = toy(Drafting.TREE, false).open()) {
            host().answers(answer -> {
                for (int i = 0; i < answer.getOutputsCount(); i++) {
                    if (answer.getOutputs(i).getName().equals("expanded")) {
                        answer.setRawOutputContents(i,
                                ByteString.copyFrom(new byte[answer.getRawOutputContents(i).size()]));
                    }
                }
                return answer;
            });
            assertThatThrownBy(() -> toy.ids(ToyModel.prompt(10, 1), EAGLE.withBudget(new TreeBudget(9, 3, 4))))
                    .hasMessageContaining("expanded candidate 0 at level 2, whose candidates are 3 to 11");
        }
    }
}
