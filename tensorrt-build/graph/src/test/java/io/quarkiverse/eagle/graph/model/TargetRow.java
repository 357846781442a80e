package io.quarkiverse.eagle.graph.model;

import java.util.Arrays;

import io.quarkiverse.eagle.engine.StepResult;

/**
 * All that a target says of one row, to the last bit: best tokens and their logits, log_z, feature, and a digest of the full
 * logits.
 *
 * @param bits of the floating-point outputs, the feature first
 */
record TargetRow(int[] bits, int[] topIds, int logitsDigest) {

    static TargetRow of(StepResult result, int b, int t) {
        int width = result.shape().featureSize();
        int topK = result.shape().topK();
        int[] bits = new int[width + topK + 1];
        int[] topIds = new int[topK];
        int at = 0;
        for (int i = 0; i < width; i++) {
            bits[at++] = Float.floatToRawIntBits(result.features().get(result.featureOffset(b, t) + i));
        }
        for (int i = 0; i < topK; i++) {
            topIds[i] = result.topId(b, t, i);
            bits[at++] = Float.floatToRawIntBits(result.topLogit(b, t, i));
        }
        bits[at] = Float.floatToRawIntBits(result.logZ(b, t));
        int digest = 1;
        int offset = result.logitsOffset(b, t);
        for (int i = 0; i < result.shape().vocabulary(); i++) {
            digest = 31 * digest + Float.floatToRawIntBits(result.logits().get(offset + i));
        }
        return new TargetRow(bits, topIds, digest);
    }

    /** How this row differs from another; empty when it does not. */
    String differenceFrom(TargetRow other) {
        int differing = 0;
        float largest = 0;
        for (int i = 0; i < bits.length; i++) {
            if (bits[i] != other.bits[i]) {
                differing++;
                largest = Math.max(largest, Math.abs(Float.intBitsToFloat(bits[i]) - Float.intBitsToFloat(other.bits[i])));
            }
        }
        if (differing > 0) {
            return differing + " of " + bits.length + " outputs differ, by up to " + largest;
        }
        if (!Arrays.equals(topIds, other.topIds)) {
            return "the best tokens stand in another order";
        }
        return logitsDigest == other.logitsDigest ? "" : "logits beyond the best differ";
    }
}
