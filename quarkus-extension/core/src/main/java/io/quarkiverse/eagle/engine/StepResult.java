package io.quarkiverse.eagle.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;

/**
 * The outputs of one step, in direct buffers that are reused from step to step. Filled by an engine; valid until it is given to
 * a step again. Dense for the shape of its step, row-major. {@code R} is the number of output rows per sequence.
 */
public final class StepResult {

    private final EngineShape shape;
    private final IntBuffer topIds;
    private final FloatBuffer topLogits;
    private final FloatBuffer logZ;
    private final FloatBuffer features;
    /** Output row to its row in {@link #logits}, -1 for none. */
    private final int[] logitsPlaces;
    private FloatBuffer logits = direct(0).asFloatBuffer();
    private int logitsCount;
    private int batch;
    private int rows;
    private int outputs;

    /**
     * @param maxRows most rows of one step over all sequences
     * @param maxOutputs most output rows of one step over all sequences
     */
    public StepResult(EngineShape shape, int maxRows, int maxOutputs) {
        this.shape = shape;
        this.topIds = direct(maxOutputs * (long) shape.topK()).asIntBuffer();
        this.topLogits = direct(maxOutputs * (long) shape.topK()).asFloatBuffer();
        this.logZ = direct(maxOutputs).asFloatBuffer();
        this.features = direct(maxRows * (long) shape.featureSize()).asFloatBuffer();
        this.logitsPlaces = new int[maxOutputs];
    }

    private static ByteBuffer direct(long words) {
        return ByteBuffer.allocateDirect(Math.toIntExact(words * 4)).order(ByteOrder.nativeOrder());
    }

    /** For engines: sets the shape of the step that fills this result, which has no full logits yet. */
    public void begin(int batch, int rows, int outputs) {
        this.batch = batch;
        this.rows = rows;
        this.outputs = outputs;
        Arrays.fill(logitsPlaces, 0, batch * outputs, -1);
        logitsCount = 0;
    }

    /** For engines, after {@link #begin}: the buffer for the full logits of all output rows, in order. */
    public FloatBuffer bringAllLogits() {
        logitsCount = batch * outputs;
        for (int i = 0; i < logitsCount; i++) {
            logitsPlaces[i] = i;
        }
        ensureLogits(logitsCount);
        return logits;
    }

    /** For engines, after {@link #begin}: one output row's full logits are about to be written at {@link #logitsOffset}. */
    public FloatBuffer bringLogits(int b, int r) {
        if (logitsPlaces[b * outputs + r] < 0) {
            ensureLogits(logitsCount + 1);
            logitsPlaces[b * outputs + r] = logitsCount++;
        }
        return logits;
    }

    /** Full logits are long and rarely wanted: their buffer grows with the need. */
    private void ensureLogits(int count) {
        int needed = Math.multiplyExact(count, shape.vocabulary());
        if (logits.capacity() < needed) {
            FloatBuffer larger = direct(Math.max(needed, Math.min(2L * logits.capacity(),
                    (long) logitsPlaces.length * shape.vocabulary()))).asFloatBuffer();
            larger.put(0, logits, 0, logits.capacity());
            logits = larger;
        }
    }

    public EngineShape shape() {
        return shape;
    }

    public int batch() {
        return batch;
    }

    public int rows() {
        return rows;
    }

    public int outputs() {
        return outputs;
    }

    /** The {@code i}-th best token of output row {@code r}. */
    public int topId(int b, int r, int i) {
        return topIds.get((b * outputs + r) * shape.topK() + i);
    }

    /** Its logit (target) or log-probability in nats (draft); descending in {@code i}. */
    public float topLogit(int b, int r, int i) {
        return topLogits.get((b * outputs + r) * shape.topK() + i);
    }

    /** Natural logarithm of the sum of the exponentials of all logits of the row. */
    public float logZ(int b, int r) {
        return logZ.get(b * outputs + r);
    }

    /** Where the feature of row {@code t} begins in {@link #features()}. */
    public int featureOffset(int b, int t) {
        return (b * rows + t) * shape.featureSize();
    }

    /** Where the full logits of output row {@code r} begin in {@link #logits()}; the row must have them. */
    public int logitsOffset(int b, int r) {
        return logitsPlaces[b * outputs + r] * shape.vocabulary();
    }

    /** True when {@link #logits()} holds this row's logits; otherwise {@link Engine#fetchLogits} brings them. */
    public boolean hasLogits(int b, int r) {
        return logitsPlaces[b * outputs + r] >= 0;
    }

    /** {@code top_ids [batch][R][topK]}. */
    public IntBuffer topIds() {
        return topIds;
    }

    /** {@code top_logits [batch][R][topK]}. */
    public FloatBuffer topLogits() {
        return topLogits;
    }

    /** {@code log_z [batch][R]}. */
    public FloatBuffer logZ() {
        return logZ;
    }

    /**
     * {@code features [batch][rows][featureSize]}; a draft has those of the rows that were wanted, and nothing in the others.
     */
    public FloatBuffer features() {
        return features;
    }

    /** {@code logits [rows that have them][vocabulary]}; another buffer when a later row's logits are brought. */
    public FloatBuffer logits() {
        return logits;
    }
}
