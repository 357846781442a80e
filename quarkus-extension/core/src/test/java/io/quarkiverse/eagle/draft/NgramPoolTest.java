package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class NgramPoolTest {

    private static final int ROOM = 4;

    @Property
    void keepsTheNewestOfEveryFirstToken(
            @ForAll @Size(max = 80) List<@Size(3) List<@IntRange(min = 0, max = 4) Integer>> added) {
        NgramPool pool = new NgramPool(3, ROOM);
        for (List<Integer> gram : added) {
            pool.add(gram.stream().mapToInt(Integer::intValue).toArray());
        }
        // Tokens this small have buckets of their own.
        for (int first = 0; first < 5; first++) {
            List<List<Integer>> newest = new ArrayList<>();
            for (List<Integer> gram : added) {
                if (gram.get(0) == first && (newest.isEmpty() || !newest.get(0).equals(gram))) {
                    newest.add(0, gram);
                }
            }
            List<List<Integer>> found = new ArrayList<>();
            int[] gram = new int[3];
            for (int age = 0; age < pool.room(); age++) {
                if (pool.get(first, age, gram)) {
                    found.add(List.of(gram[0], gram[1], gram[2]));
                }
            }
            assertThat(found).isEqualTo(newest.subList(0, Math.min(ROOM, newest.size())));
        }
    }
}
