package io.quarkiverse.eagle.toy;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;

/**
 * A draft head for a {@link ToyLanguage}. Its feature tells the prefix before its token, as the target's last hidden state
 * would; its own outputs are that of the prefix with the token. Its confidences are those of the language with noise: it is
 * often right.
 */
public class ToyDraft extends ToyEngine {

    private final ToyLanguage language;
    private final double noise;

    /** @param noise 0 drafts what the language says, 1 is often right, 5 seldom */
    public ToyDraft(ToyLanguage language, int slots, int maxLength, int maxRows, int topK, double noise) {
        super(new EngineShape(slots, maxLength, maxRows, topK, 0, FEATURE_SIZE, true));
        this.language = language;
        this.noise = noise;
    }

    @Override
    ToyLanguage language() {
        return language;
    }

    @Override
    int fillWindow(StepRequest request, int b, Row[] rows, int start, Row[] window) {
        int offset = (int) request.writeOffset().get(b);
        require(request.keep() == 0, "a draft keeps no rows");
        require(offset == window.length - request.rows(), () -> "new rows at " + offset + " of a window of " + window.length);
        System.arraycopy(rows, start, window, 0, offset);
        return offset;
    }

    /** The first row's own feature is the prefix of the token before it, which the draft never sees. */
    @Override
    boolean follows(Row row, Row parent) {
        return parent == null ? row.position() == 0
                : row.position() == parent.position() + 1
                        && row.prefix() == ToyLanguage.extend(parent.prefix(), row.token());
    }

    @Override
    long read(StepRequest request, int index, int token, Row parent) {
        long before = prefix(request.features(), index * FEATURE_SIZE);
        require(parent == null || before == parent.prefix(), "a feature that is not the one of the row before");
        return ToyLanguage.extend(before, token);
    }

    @Override
    int depth(StepRequest request, int index) {
        return 1 + depth(request.features(), index * FEATURE_SIZE);
    }

    @Override
    float[] outputs(Row row) {
        float[] logits = language.logits(row.prefix(), noise);
        double logZ = ToyLanguage.logZ(logits);
        for (int token = 0; token < logits.length; token++) {
            logits[token] = (float) (logits[token] - logZ);
        }
        return logits;
    }

    @Override
    boolean bringsLogits() {
        return false;
    }
}
