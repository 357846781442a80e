package io.quarkiverse.eagle.plan.estimate;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.BundleManifest.Model;

/**
 * What is to run.
 *
 * @param weightBits bits of a weight: 16 for the graphs that are built, 8 and 4 to ask what quantised weights would bring
 * @param slots sequences of the KV pool, all of them decoding
 * @param maxLength most tokens of a sequence
 * @param context tokens that a sequence has when its step is timed
 * @param draftVocabulary tokens that the draft may propose
 * @param maxRows most rows per sequence of a step
 * @param functional whether a step returns a second pool
 */
public record Workload(Model model, int weightBits, int slots, int maxLength, int context, int draftVocabulary, int maxRows,
        boolean functional) {

    private static final int USUAL_ROWS = 128;
    private static final int USUAL_CONTEXT = 1024;

    public Workload {
        if (weightBits != 16 && weightBits != 8 && weightBits != 4) {
            throw new IllegalArgumentException("weight bits are " + weightBits + "; choose 16, 8 or 4");
        }
        if (slots < 1 || slots > 64) {
            throw new IllegalArgumentException("slots is " + slots + "; it must be between 1 and 64");
        }
        if (maxLength < 16) {
            throw new IllegalArgumentException("max length is " + maxLength + "; it must be at least 16");
        }
    }

    /** A model without a bundle, its draft proposing all tokens. */
    public static Workload of(Model model, int weightBits, int slots, int maxLength) {
        return new Workload(model, weightBits, slots, maxLength, Math.min(USUAL_CONTEXT, maxLength), model.vocabulary(),
                USUAL_ROWS, false);
    }

    /** A bundle as it was built. */
    public static Workload of(BundleManifest manifest, int weightBits) {
        BundleManifest.Graph draft = manifest.draftGraph();
        return new Workload(manifest.model(), weightBits, manifest.slots(), manifest.maxLength(),
                Math.min(USUAL_CONTEXT, manifest.maxLength()),
                draft == null ? manifest.model().vocabulary() : draft.vocabulary(), manifest.targetGraph().maxRows(),
                manifest.update().equals("functional"));
    }

    /** Parameters of one decoder layer: attention and the gated MLP. */
    long layerParameters() {
        long hidden = model.hidden();
        return hidden * model.headDim() * (2L * model.heads() + 2L * model.kvHeads()) + 3L * hidden * model.intermediate();
    }

    /** Parameters that a target step reads: the layers and the output projection; of the embedding only some rows. */
    long targetRead() {
        return model.layers() * layerParameters() + table();
    }

    /** Parameters that a draft step reads: the projection of token and feature, one layer, the output projection. */
    long draftRead() {
        return 2L * model.hidden() * model.hidden() + layerParameters() + (long) draftVocabulary * model.hidden();
    }

    /** All parameters of the target. */
    long targetParameters() {
        return targetRead() + (model.tiedEmbeddings() ? 0 : table());
    }

    /** All parameters of the draft, which brings its own embedding table. */
    long draftParameters() {
        return draftRead() + table();
    }

    private long table() {
        return (long) model.vocabulary() * model.hidden();
    }

    double weightBytes() {
        return weightBits / 8.0;
    }

    /** Bytes of keys and values that one token has in one layer, in 16 bits. */
    long kvBytesPerLayer() {
        return 2L * 2 * model.kvHeads() * model.headDim();
    }
}
