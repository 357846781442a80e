package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.Test;

import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Prompts that begin alike go to the same replica, unless it has too much to do or takes nothing; few move when one comes. */
class PlacementPropertyTest {

    private static final int PREFIXES = 4000;

    private static final class Node implements Placement.Place {
        private final String name;
        private Placement.Standing standing = Placement.Standing.OPEN;
        private int load;

        Node(String name) {
            this.name = name;
        }

        @Override
        public long identity() {
            return Placement.identity(name);
        }

        @Override
        public Placement.Standing standing() {
            return standing;
        }

        @Override
        public int load() {
            return load;
        }
    }

    private static List<Node> nodes(int count) {
        List<Node> nodes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            nodes.add(new Node("gpu-" + i + ":8001"));
        }
        return nodes;
    }

    private static int[] prompt(int length, Random random) {
        return random.ints(length, 0, 50_000).toArray();
    }

    private static int[] longer(int[] prompt, Random random) {
        int[] longer = Arrays.copyOf(prompt, prompt.length + 1 + random.nextInt(500));
        for (int i = prompt.length; i < longer.length; i++) {
            longer[i] = random.nextInt(50_000);
        }
        return longer;
    }

    @Property(tries = 200, seed = "1", edgeCases = EdgeCasesMode.NONE)
    void aConversationOfSomeLengthStaysWhereItIsHoweverItGoesOn(@ForAll long seed,
            @ForAll @IntRange(min = 1, max = 9) int count) {
        Random random = new Random(seed);
        int[] first = prompt(Placement.MOST_BLOCKS * Placement.BLOCK + random.nextInt(100), random);
        int[] next = longer(first, random);
        List<Node> nodes = nodes(count);
        assertThat(Placement.choose(Placement.key("a", next), nodes)).isSameAs(
                Placement.choose(Placement.key("a", first), nodes));
    }

    @Test
    void whatFollowsTheLastWholeBlockDoesNotCount() {
        Random random = new Random(3);
        int[] prompt = prompt(Placement.BLOCK, random);
        int[] other = Arrays.copyOf(prompt, Placement.BLOCK + 20);
        assertThat(Placement.key(null, other)).isEqualTo(Placement.key(null, prompt));
        other[Placement.BLOCK - 1]++;
        assertThat(Placement.key(null, other)).isNotEqualTo(Placement.key(null, prompt));
    }

    @Test
    void tenantsDoNotShareAPlaceOnPurpose() {
        int[] prompt = prompt(Placement.BLOCK, new Random(4));
        assertThat(List.of(Placement.key("a", prompt), Placement.key("b", prompt), Placement.key(null, prompt)))
                .doesNotHaveDuplicates();
    }

    /** The names' hashes are fixed, so the counts are too; the margins are about five standard deviations. */
    @Property(tries = 8, seed = "2", edgeCases = EdgeCasesMode.NONE)
    void oneMoreReplicaTakesItsShareAndNothingElseMoves(@ForAll @IntRange(min = 1, max = 8) int count) {
        List<Node> before = nodes(count);
        List<Node> after = new ArrayList<>(before);
        after.add(new Node("gpu-new:8001"));
        Random random = new Random(5);
        Map<Node, Integer> placed = new HashMap<>();
        int moved = 0;
        for (int i = 0; i < PREFIXES; i++) {
            long key = Placement.key(null, prompt(Placement.BLOCK, random));
            Node was = Placement.choose(key, before);
            Node is = Placement.choose(key, after);
            placed.merge(is, 1, Integer::sum);
            if (is != was) {
                moved++;
                assertThat(is.name).isEqualTo("gpu-new:8001");
            }
        }
        double share = 1.0 / after.size();
        double margin = 5 * Math.sqrt(share * (1 - share) / PREFIXES);
        assertThat((double) moved / PREFIXES).isBetween(share - margin, share + margin);
        assertThat(placed).hasSize(after.size());
        assertThat(placed.values()).allSatisfy(
                requests -> assertThat((double) requests / PREFIXES).isBetween(share - margin, share + margin));
    }

    @Property(tries = 100, seed = "6", edgeCases = EdgeCasesMode.NONE)
    void nobodyIsLoadedMuchBeyondTheMeanEvenByOnePrefix(@ForAll long seed, @ForAll @IntRange(min = 2, max = 8) int count) {
        Random random = new Random(seed);
        List<Node> nodes = nodes(count);
        long[] keys = { random.nextLong(), random.nextLong() };
        int total = 0;
        for (int i = 0; i < 300; i++) {
            Node chosen = Placement.choose(keys[random.nextInt(4) == 0 ? 1 : 0], nodes);
            chosen.load++;
            total++;
            assertThat(chosen.load).isLessThanOrEqualTo((int) Math.ceil(Placement.BOUND * total / count));
            Node left = nodes.get(random.nextInt(count));
            if (left.load > 0 && random.nextBoolean()) {
                left.load--;
                total--;
            }
        }
    }

    @Property(tries = 200, seed = "7", edgeCases = EdgeCasesMode.NONE)
    void onlyThoseOfTheBestStandingAreChosen(@ForAll long seed, @ForAll @IntRange(min = 2, max = 6) int count) {
        Random random = new Random(seed);
        List<Node> nodes = nodes(count);
        Placement.Standing best = Placement.Standing.LEAVING;
        for (Node node : nodes) {
            node.standing = Placement.Standing.values()[random.nextInt(4)];
            node.load = random.nextInt(20);
            best = node.standing.compareTo(best) < 0 ? node.standing : best;
        }
        for (int i = 0; i < 50; i++) {
            assertThat(Placement.choose(random.nextLong(), nodes).standing).isEqualTo(best);
        }
    }

    @Test
    void aReplicaThatIsBackTakesItsPrefixesAgain() {
        List<Node> nodes = nodes(3);
        long key = Placement.key(null, prompt(100, new Random(8)));
        Node first = Placement.choose(key, nodes);
        first.standing = Placement.Standing.LOST;
        Node second = Placement.choose(key, nodes);
        assertThat(second).isNotSameAs(first);
        first.standing = Placement.Standing.OPEN;
        assertThat(Placement.choose(key, nodes)).isSameAs(first);
        first.load = 5;
        assertThat(Placement.choose(key, nodes)).isSameAs(second);
    }
}
