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

/** Prompts go where most of them was read, unless that one has too much to do or takes nothing; few move when one comes. */
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

    private static int[] longer(int[] prompt, int by, Random random) {
        int[] longer = Arrays.copyOf(prompt, prompt.length + by);
        for (int i = prompt.length; i < longer.length; i++) {
            longer[i] = random.nextInt(50_000);
        }
        return longer;
    }

    private static long[] beginnings(String tenant, int[] prompt) {
        return PrefixHomes.beginnings(tenant, i -> prompt[i], prompt.length);
    }

    private static Node place(PrefixHomes homes, String tenant, int[] prompt, List<Node> nodes) {
        long[] beginnings = beginnings(tenant, prompt);
        Node chosen = Placement.choose(beginnings[beginnings.length - 1], homes.homes(beginnings, prompt.length), nodes);
        homes.went(beginnings, chosen.identity());
        return chosen;
    }

    private static Node choose(int[] prompt, List<Node> nodes) {
        return place(new PrefixHomes(), null, prompt, nodes);
    }

    @Property(tries = 100, seed = "1", edgeCases = EdgeCasesMode.NONE)
    void aConversationStaysWhereItIsHoweverItGoesOn(@ForAll long seed, @ForAll @IntRange(min = 2, max = 9) int count) {
        Random random = new Random(seed);
        PrefixHomes homes = new PrefixHomes();
        List<Node> nodes = nodes(count);
        int[] prompt = prompt(1 + random.nextInt(100), random);
        Node first = place(homes, "a", prompt, nodes);
        for (int turn = 0; turn < 10; turn++) {
            int[] answered = longer(prompt, 2 * PrefixHomes.MARK + random.nextInt(600), random);
            homes.went(beginnings("a", answered), first.identity());
            prompt = longer(answered, 1 + random.nextInt(PrefixHomes.MARK / 2), random);
            assertThat(place(homes, "a", prompt, nodes)).as("turn %d, %d tokens", turn, prompt.length).isSameAs(first);
        }
    }

    @Test
    void promptsThatShareMostOfThemselvesShareAPlaceAndOthersSpread() {
        Random random = new Random(3);
        PrefixHomes homes = new PrefixHomes();
        List<Node> nodes = nodes(4);
        int[] system = prompt(200, random);
        Map<Node, Integer> documents = new HashMap<>();
        for (int document = 0; document < 200; document++) {
            int[] read = longer(system, 1000, random);
            Node home = place(homes, null, longer(read, 20, random), nodes);
            assertThat(place(homes, null, longer(read, 50, random), nodes)).isSameAs(home);
            documents.merge(home, 1, Integer::sum);
        }
        assertThat(documents).hasSize(4);
        assertThat(documents.values()).allSatisfy(count -> assertThat(count).isBetween(20, 80));
    }

    @Test
    void whatIsForgottenIsFoundByNobodyElse() {
        Random random = new Random(9);
        PrefixHomes homes = new PrefixHomes();
        for (int i = 0; i < 5000; i++) {
            homes.went(beginnings(null, prompt(500, random)), i);
        }
        int[] unknown = prompt(500, random);
        assertThat(homes.homes(beginnings(null, unknown), 500)).containsOnly(0);
    }

    @Test
    void beginningsHaveInCommonWhatTheirTokensHave() {
        int[] prompt = prompt(100_000, new Random(3));
        long[] all = beginnings(null, prompt);
        assertThat(all.length).isLessThan(100);
        assertThat(Arrays.stream(all).distinct().count()).isEqualTo(all.length);
        assertThat(beginnings(null, Arrays.copyOf(prompt, 70))).containsExactly(all[0], all[1]);
        prompt[PrefixHomes.MARK]++;
        assertThat(beginnings(null, prompt)[0]).isEqualTo(all[0]);
        assertThat(beginnings(null, prompt)).doesNotContain(Arrays.copyOfRange(all, 1, all.length));
        assertThat(beginnings(null, new int[] { 1, 2 })).hasSize(1).isNotEqualTo(beginnings(null, new int[] { 1, 3 }));
    }

    @Test
    void tenantsDoNotShareBeginnings() {
        int[] prompt = prompt(PrefixHomes.MARK, new Random(4));
        assertThat(List.of(beginnings("a", prompt)[0], beginnings("b", prompt)[0], beginnings(null, prompt)[0]))
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
            int[] prompt = prompt(70, random);
            Node was = choose(prompt, before);
            Node is = choose(prompt, after);
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
            Node chosen = Placement.choose(keys[random.nextInt(4) == 0 ? 1 : 0],
                    new long[] { 0, nodes.get(random.nextInt(count)).identity() }, nodes);
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
            assertThat(Placement.choose(random.nextLong(),
                    new long[] { nodes.get(random.nextInt(count)).identity() }, nodes).standing).isEqualTo(best);
        }
    }

    @Test
    void whoReadAPromptInPlaceOfALostReplicaKeepsItUntilItHasTooMuchToDo() {
        List<Node> nodes = nodes(3);
        PrefixHomes homes = new PrefixHomes();
        int[] prompt = prompt(100, new Random(8));
        Node first = place(homes, null, prompt, nodes);
        first.standing = Placement.Standing.LOST;
        Node second = place(homes, null, prompt, nodes);
        assertThat(second).isNotSameAs(first);
        first.standing = Placement.Standing.OPEN;
        assertThat(place(homes, null, prompt, nodes)).isSameAs(second);
        second.load = 5;
        assertThat(place(homes, null, prompt, nodes)).isSameAs(first);
    }
}
