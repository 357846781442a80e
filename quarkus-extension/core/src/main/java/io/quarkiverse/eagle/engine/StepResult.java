package io.quarkiverse.eagle.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

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
    private final FloatBuffer logits;
    private int batch;
    private int rows;
    private int outputs;
    private boolean hasLogits;

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
        this.logits = direct(maxOutputs * (long) shape.vocabulary()).asFloatBuffer();
    }

    private static ByteBuffer direct(long words) {
        return ByteBuffer.allocateDirect(Math.toIntExact(words * 4)).order(ByteOrder.nativeOrder());
    }

    /** For engines: sets the shape of the step that fills this result. */
    public void begin(int batch, int rows, int outputs, boolean hasLogits) {
        this.batch = batch;
        this.rows = rows;
        this.outputs = outputs;
        this.hasLogits = hasLogits;
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

    /** Where the full logits of output row {@code r} begin in {@link #logits()}. */
    public int logitsOffset(int b, int r) {
        return (b * outputs + r) * shape.vocabulary();
    }

    /** True when {@link #logits()} holds this step's logits; otherwise {@link Engine#fetchLogits} brings them. */
    public boolean hasLogits() {
        return hasLogits;
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

    /** {@code features [batch][rows][featureSize]}. */
    public FloatBuffer features() {
        return features;
    }

    /** {@code logits [batch][R][vocabulary]}. */
    public FloatBuffer logits() {
        return logits;
    }
}
