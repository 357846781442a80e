package io.quarkiverse.eagle.graph.model;

/**
 * How a draft finds its best tokens among all of the vocabulary without computing every logit: a product of low rank retrieves
 * candidates, and only their logits are computed.
 *
 * @param rank of the product
 * @param count candidates per row
 */
public record DraftCandidates(int rank, int count) {

    public DraftCandidates {
        if (rank < 8 || rank > 1024) {
            throw new IllegalArgumentException("rank of the draft candidates is " + rank + "; it must be between 8 and 1024");
        }
        if (count < GraphOptions.DRAFT_TOP_K || count > 4096) {
            throw new IllegalArgumentException("the number of draft candidates is " + count + "; it must be between "
                    + GraphOptions.DRAFT_TOP_K + " and 4096");
        }
    }
}
