package io.quarkiverse.eagle.plan.estimate;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.BundleManifest.Model;

/**
 * What is to run.
 *
 * @param weightBits bits of a weight of the target's layers: 16, 8 (fp8) or 4 (int4); embedding tables, the output projection
 *        and
 *        the draft keep 16
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

    /** Bytes of a weight that is not quantised. */
    private static final double PLAIN_BYTES = 2;

    /** Weights that share a scale and an offset of 16 bits each. */
    private static final double INT4_GROUP = 128;

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

    /**
     * A bundle as it was built.
     *
     * @param weightBits null for the bundle's own
     */
    public static Workload of(BundleManifest manifest, Integer weightBits) {
        BundleManifest.Graph draft = manifest.draftGraph();
        return new Workload(manifest.model(), weightBits != null ? weightBits : weightBits(manifest.precision()),
                manifest.slots(), manifest.maxLength(),
                Math.min(USUAL_CONTEXT, manifest.maxLength()),
                draft == null ? manifest.model().vocabulary() : draft.vocabulary(), manifest.targetGraph().maxRows(),
                manifest.update().equals("functional"));
    }

    private static int weightBits(String precision) {
        return precision.startsWith("int4") ? 4 : precision.startsWith("fp8") ? 8 : 16;
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

    /** Bytes of all weights of the target. */
    double targetBytes() {
        return targetReadBytes() + (model.tiedEmbeddings() ? 0 : PLAIN_BYTES * table());
    }

    /** Bytes of the weights that a target step reads. */
    double targetReadBytes() {
        return model.layers() * layerParameters() * layerBytes() + PLAIN_BYTES * table();
    }

    /** Bytes of all weights of the draft. */
    double draftBytes() {
        return PLAIN_BYTES * draftParameters();
    }

    /** Bytes of the weights that a draft step reads. */
    double draftReadBytes() {
        return PLAIN_BYTES * draftRead();
    }

    /** Bytes of a weight of the target's layers, with its share of what stands beside a group. */
    private double layerBytes() {
        return weightBits == 4 ? 0.5 + 2 * 2 / INT4_GROUP : weightBits / 8.0;
    }

    /** Bytes of keys and values that one token has in one layer, in 16 bits. */
    long kvBytesPerLayer() {
        return 2L * 2 * model.kvHeads() * model.headDim();
    }
}
