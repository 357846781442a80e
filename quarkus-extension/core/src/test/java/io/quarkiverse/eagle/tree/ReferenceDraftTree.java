package io.quarkiverse.eagle.tree;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** EAGLE-2's expansion and reranking, written down as lists that are sorted as a whole. */
final class ReferenceDraftTree {

    private static final Comparator<Candidate> BEST_FIRST = Comparator.comparing((Candidate c) -> -c.value())
            .thenComparing(Candidate::index);

    /** @param parent null for children of the root */
    record Candidate(int index, int token, Candidate parent, float value) {

        Stream<Candidate> ancestors() {
            return Stream.iterate(parent, ancestor -> ancestor != null, Candidate::parent);
        }

        int depth() {
            return 1 + (int) ancestors().count();
        }
    }

    private final List<Candidate> candidates = new ArrayList<>();
    private final List<List<Candidate>> frontiers = new ArrayList<>();
    private int levelStart;

    void addToRoot(int token, float logProbability) {
        add(token, null, 0, logProbability);
    }

    void addToFrontier(int i, int token, float logProbability) {
        Candidate parent = frontier().get(i);
        add(token, parent, parent.value(), logProbability);
    }

    private void add(int token, Candidate parent, float value, float logProbability) {
        candidates.add(new Candidate(candidates.size(), token, parent, value + Math.min(0, logProbability)));
    }

    void nextFrontier(int topK) {
        frontiers.add(candidates.subList(levelStart, candidates.size()).stream().sorted(BEST_FIRST).limit(topK).toList());
        levelStart = candidates.size();
    }

    List<Candidate> frontier() {
        return frontiers.get(frontiers.size() - 1);
    }

    /** Frontiers so far, by depth minus one. */
    List<List<Candidate>> frontiers() {
        return frontiers;
    }

    List<Candidate> best(int count) {
        return candidates.stream().sorted(BEST_FIRST).limit(count).toList();
    }
}
