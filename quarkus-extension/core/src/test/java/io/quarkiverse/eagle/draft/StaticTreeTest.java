package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

class StaticTreeTest {

    static Stream<List<List<Integer>>> damaged() {
        return Stream.of(List.of(List.of()), List.of(List.of(-1)), List.of(List.of(0), List.of(0)),
                List.of(List.of(0), List.of(1, 0)), List.of(List.of(0), List.of(0, 0), List.of(1)));
    }

    @ParameterizedTest
    @MethodSource("damaged")
    void aShapeThatIsNoTreeIsRefused(List<List<Integer>> paths) {
        assertThatThrownBy(() -> new StaticTree(paths)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("level by level");
    }

    @Test
    void everyCycleHasThePublishedShapeWithTheHeadsBestTokensByRank() {
        AtomicInteger whole = new AtomicInteger();
        List<String> wrong = new ArrayList<>();
        CycleListener looks = (root, tree, accepted, emitted, count) -> {
            StaticTree shape = StaticTree.PUBLISHED;
            whole.addAndGet(tree.size() == shape.size() ? 1 : 0);
            for (int node = 0; node < tree.size(); node++) {
                if (tree.parent(node) != shape.parent(node)) {
                    wrong.add("node " + node + " hangs on " + tree.parent(node));
                }
                for (int other = 0; other < node; other++) {
                    if (shape.parent(other) == shape.parent(node) && shape.rank(other) < shape.rank(node)
                            && tree.value(other) < tree.value(node)) {
                        wrong.add("node " + node + " is better than its sibling " + other + " of a better rank");
                    }
                }
            }
        };
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).open()) {
            GenerationOptions options = GenerationOptions.defaults().withDrafter("eagle").withMaxTokens(80);
            toy.model().stream(ToyModel.request(ToyModel.prompt(5, 3), options), looks).collect().last().await().indefinitely();
        }
        assertThat(wrong).isEmpty();
        assertThat(whole.get()).isGreaterThan(10);
    }
}
