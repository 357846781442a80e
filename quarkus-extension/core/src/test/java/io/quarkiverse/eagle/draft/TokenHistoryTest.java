package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.tree.DraftTree;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class TokenHistoryTest {

    /** A sequence that is nothing but its tokens. */
    private record Tokens(List<Integer> tokens) implements Draftable {
        @Override
        public int slot() {
            return 0;
        }

        @Override
        public int length() {
            return tokens.size();
        }

        @Override
        public int token(int index) {
            return tokens.get(index);
        }

        @Override
        public TreeBudget budget() {
            return null;
        }

        @Override
        public int mostNodes() {
            return 10;
        }

        @Override
        public DraftTree tree() {
            throw new AssertionError("nobody drafts here");
        }
    }

    @Property
    void findsTheLongestMostRecentMatchWhateverWasReadAtOnce(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = 0, max = 3) Integer> tokens,
            @ForAll @IntRange(max = 60) int split) {
        TokenHistory history = new TokenHistory();
        history.readUpTo(new Tokens(List.of(9, 9, 9)));
        history.clear();
        List<Integer> read = new ArrayList<>(tokens.subList(0, Math.min(split, tokens.size())));
        history.readUpTo(new Tokens(read));
        history.readUpTo(new Tokens(tokens));

        int matched = -1;
        int run = 0;
        for (int most = 3; most > 0 && matched < 0; most--) {
            for (int end = tokens.size() - 2; end >= most - 1 && matched < 0; end--) {
                if (tokens.size() >= most && tokens.subList(end - most + 1, end + 1)
                        .equals(tokens.subList(tokens.size() - most, tokens.size()))) {
                    matched = end;
                    run = most;
                }
            }
        }
        assertThat(history.longestMatch(3)).isEqualTo(run);
        int[] following = new int[10];
        int count = history.following(following);
        List<Integer> expected = matched < 0 ? List.of()
                : tokens.subList(matched + 1, Math.min(tokens.size(), matched + 11));
        assertThat(Arrays.stream(following, 0, count).boxed().toList()).isEqualTo(expected);
    }
}
