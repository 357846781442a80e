package io.quarkiverse.eagle.graph.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The merge list that makes plain BPE merge as SentencePiece does by scores: every way to split a token into two tokens, best
 * scored token first, and among equals longer left halves, then longer right halves, first.
 */
final class ScoredMerges {

    /**
     * Two tokens that become one.
     *
     * @param score of the one
     * @param leftRank how the halves of one token are ordered: by their ids
     */
    record Merge(String left, String right, float score, int leftRank, int rightRank) {

        private int leftLength() {
            return left.codePointCount(0, left.length());
        }

        private int rightLength() {
            return right.codePointCount(0, right.length());
        }
    }

    private static final Comparator<Merge> HALVES = Comparator.comparingInt(Merge::leftRank)
            .thenComparingInt(Merge::rightRank);
    private static final Comparator<Merge> BEST_FIRST = Comparator.comparing(Merge::score)
            .thenComparingInt(Merge::leftLength)
            .thenComparingInt(Merge::rightLength)
            .reversed();

    private ScoredMerges() {
    }

    /** Only normal and user-defined tokens are made by merging; the others never arise from text. */
    static List<Merge> of(GgufVocabulary vocabulary) {
        String[] tokens = vocabulary.tokens();
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < tokens.length; id++) {
            ids.putIfAbsent(tokens[id], id);
        }
        List<Merge> merges = new ArrayList<>();
        for (int id = 0; id < tokens.length; id++) {
            if (!isText(vocabulary, id)) {
                continue;
            }
            String token = tokens[id];
            List<Merge> ways = new ArrayList<>();
            for (int cut = token.offsetByCodePoints(0, Math.min(1, token.length())); cut < token.length(); //
                    cut = token.offsetByCodePoints(cut, 1)) {
                Integer left = ids.get(token.substring(0, cut));
                Integer right = ids.get(token.substring(cut));
                if (left != null && right != null) {
                    ways.add(new Merge(token.substring(0, cut), token.substring(cut), vocabulary.scores()[id], left, right));
                }
            }
            ways.sort(HALVES);
            merges.addAll(ways);
        }
        merges.sort(BEST_FIRST);
        return merges;
    }

    private static boolean isText(GgufVocabulary vocabulary, int id) {
        return !vocabulary.is(id, GgufVocabulary.CONTROL) && !vocabulary.is(id, GgufVocabulary.UNKNOWN)
                && !vocabulary.is(id, GgufVocabulary.BYTE) && !vocabulary.is(id, GgufVocabulary.UNUSED);
    }
}
