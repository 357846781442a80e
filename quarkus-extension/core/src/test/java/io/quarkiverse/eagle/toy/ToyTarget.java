package io.quarkiverse.eagle.toy;

import java.util.Arrays;

import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;

/** The engine that speaks a {@link ToyLanguage} as it is. Its features tell the prefix. */
public final class ToyTarget extends ToyEngine {

    private final ToyLanguage language;
    private final boolean bringsLogits;
    private final double noise;
    private volatile Long damagedAfter;

    /** @param bringsLogits false when full logits have to be fetched */
    public ToyTarget(ToyLanguage language, int slots, int maxLength, int maxRows, int topK, boolean bringsLogits) {
        this(language, slots, maxLength, maxRows, topK, bringsLogits, 0);
    }

    /** @param noise how wrong its logits are; see {@link ToyDraft} */
    public ToyTarget(ToyLanguage language, int slots, int maxLength, int maxRows, int topK, boolean bringsLogits,
            double noise) {
        super(new EngineShape(slots, maxLength, maxRows, topK, language.vocabulary(), FEATURE_SIZE, false));
        this.language = language;
        this.bringsLogits = bringsLogits;
        this.noise = noise;
    }

    /** From now on the logits after this prefix are not numbers. */
    public void damageAfter(int... prefix) {
        damagedAfter = ToyLanguage.prefix(prefix);
    }

    @Override
    ToyLanguage language() {
        return language;
    }

    @Override
    int fillWindow(StepRequest request, int b, Row[] rows, int start, Row[] window) {
        int keep = request.keep();
        require(window.length == keep + request.rows(), () -> "a window of " + window.length + " for " + keep + " kept and "
                + request.rows() + " new rows");
        int before = start - 1;
        for (int a = 0; a < keep; a++) {
            int from = (int) request.keepRows().get(b * keep + a);
            require(from >= 0 && from < rows.length, () -> "row " + from + " to keep of a pool of " + rows.length);
            if (isSeen(request, b, a)) {
                int last = before;
                require(from > last, () -> "row " + from + " to keep after row " + last);
                require(rows[from] != null, () -> "row " + from + " to keep is garbage");
                window[a] = rows[from];
                before = from;
            }
        }
        return keep;
    }

    private static boolean isSeen(StepRequest request, int b, int column) {
        for (int t = 0; t < request.rows(); t++) {
            if (sees(request, b * request.rows() + t, column)) {
                return true;
            }
        }
        return false;
    }

    @Override
    boolean follows(Row row, Row parent) {
        return row.position() == (parent == null ? 0 : parent.position() + 1)
                && row.prefix() == ToyLanguage.extend(parent == null ? ToyLanguage.START : parent.prefix(), row.token());
    }

    @Override
    long read(StepRequest request, int index, int token, Row parent) {
        return ToyLanguage.extend(parent == null ? ToyLanguage.START : parent.prefix(), token);
    }

    @Override
    float[] outputs(Row row) {
        long prefix = row.prefix();
        float[] logits = noise == 0 ? language.logits(prefix) : language.logits(prefix, noise);
        Long damaged = damagedAfter;
        if (damaged != null && damaged == prefix) {
            Arrays.fill(logits, Float.NaN);
        }
        return logits;
    }

    @Override
    boolean bringsLogits() {
        return bringsLogits;
    }
}
