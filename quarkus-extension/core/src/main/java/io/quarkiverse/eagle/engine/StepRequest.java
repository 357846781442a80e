package io.quarkiverse.eagle.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/**
 * The inputs of one step, in direct buffers that are reused from step to step. Not thread-safe; an engine reads it only while
 * its step runs.
 * <p>
 * {@link #begin} sets the shape and clears everything: every row is padding (token 0 at position 0, seeing itself), keeps
 * nothing, and its sequence's window starts at 0. The arrays are dense for the current shape, row-major: index
 * {@code [b][t]} is {@code b * rows + t}.
 */
public final class StepRequest {

    private final EngineShape shape;
    private final LongBuffer inputIds;
    private final LongBuffer positionIds;
    private final LongBuffer windowStart;
    private final LongBuffer keepRows;
    private final LongBuffer writeOffset;
    private final LongBuffer outputRows;
    private final ByteBuffer windowMask;
    private final FloatBuffer features;
    private int firstSlot;
    private int batch;
    private int rows;
    private int keep;
    private int window;
    private int outputs;

    /**
     * @param maxRows most rows of one step over all sequences ({@code batch * rows})
     * @param maxWindow most window columns of one sequence
     */
    public StepRequest(EngineShape shape, int maxBatch, int maxRows, int maxWindow) {
        this.shape = shape;
        this.inputIds = longs(maxRows);
        this.positionIds = longs(maxRows);
        this.windowStart = longs(maxBatch);
        this.keepRows = longs(maxBatch * maxWindow);
        this.writeOffset = longs(maxBatch);
        this.outputRows = longs(maxRows);
        this.windowMask = direct(Math.multiplyExact(maxRows, maxWindow));
        this.features = shape.readsFeatures()
                ? direct(Math.multiplyExact(maxRows, shape.featureSize() * Float.BYTES)).asFloatBuffer()
                : direct(0).asFloatBuffer();
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private static LongBuffer longs(int count) {
        return direct(Math.multiplyExact(count, Long.BYTES)).asLongBuffer();
    }

    /**
     * Starts a new step.
     *
     * @param firstSlot pool slot of the first sequence; the others follow
     * @param batch sequences
     * @param rows new rows per sequence, at least {@link Engine#MIN_ROWS} in all
     * @param keep rows of the last step to keep, per sequence
     * @param window columns of the mask: {@code keep + rows} for a target; for a draft the rows written since the window's
     *        start, these included
     * @param outputs rows per sequence whose logits are wanted; with {@code outputs == rows} these are all rows in order
     */
    public void begin(int firstSlot, int batch, int rows, int keep, int window, int outputs) {
        if (firstSlot < 0 || batch < 1 || firstSlot + batch > shape.slots()) {
            throw new IllegalArgumentException(
                    "slots " + firstSlot + " to " + (firstSlot + batch - 1) + " of a pool of " + shape.slots());
        }
        if (rows < 1 || rows > shape.maxRows() || window < rows || batch * rows * window > windowMask.capacity()
                || batch * rows > inputIds.capacity() || keep < 0 || batch * keep > keepRows.capacity() || outputs < 1
                || outputs > rows) {
            throw new IllegalArgumentException("step of batch " + batch + ", rows " + rows + ", keep " + keep + ", window "
                    + window + ", outputs " + outputs + " does not fit its buffers");
        }
        this.firstSlot = firstSlot;
        this.batch = batch;
        this.rows = rows;
        this.keep = keep;
        this.window = window;
        this.outputs = outputs;
        for (int i = 0; i < batch * rows; i++) {
            inputIds.put(i, 0);
            positionIds.put(i, 0);
        }
        for (int b = 0; b < batch; b++) {
            windowStart.put(b, 0);
            writeOffset.put(b, 0);
            for (int i = 0; i < outputs; i++) {
                outputRows.put(b * outputs + i, i);
            }
            for (int a = 0; a < keep; a++) {
                keepRows.put(b * keep + a, 0);
            }
        }
        for (int i = 0; i < batch * rows * window; i++) {
            windowMask.put(i, (byte) 0);
        }
        for (int b = 0; b < batch; b++) {
            for (int t = 0; t < rows; t++) {
                see(b, t, window - rows + t);
            }
        }
    }

    /** Sets row {@code t} of sequence {@code b}: its token and rotary position. */
    public void row(int b, int t, int token, int position) {
        inputIds.put(b * rows + t, token);
        positionIds.put(b * rows + t, position);
    }

    /** Rows of the sequence's slot that are final; its window begins there. */
    public void windowStart(int b, int cacheRow) {
        windowStart.put(b, cacheRow);
    }

    /** The {@code a}-th row to keep, as an absolute cache row. */
    public void keepRow(int b, int a, int cacheRow) {
        keepRows.put(b * keep + a, cacheRow);
    }

    /** Draft only: where in the window the new rows go. Must be {@code window - rows}. */
    public void writeOffset(int b, int offset) {
        writeOffset.put(b, offset);
    }

    /** The {@code i}-th row of the sequence whose logits are wanted. */
    public void outputRow(int b, int i, int row) {
        outputRows.put(b * outputs + i, row);
    }

    /** Lets row {@code t} see window column {@code w}. */
    public void see(int b, int t, int w) {
        windowMask.put((b * rows + t) * window + w, (byte) 1);
    }

    /** Draft only: the feature row that goes with row {@code t}, copied from {@code source} at {@code offset}. */
    public void feature(int b, int t, FloatBuffer source, int offset) {
        features.put((b * rows + t) * shape.featureSize(), source, offset, shape.featureSize());
    }

    public EngineShape shape() {
        return shape;
    }

    public int firstSlot() {
        return firstSlot;
    }

    public int batch() {
        return batch;
    }

    public int rows() {
        return rows;
    }

    public int keep() {
        return keep;
    }

    public int window() {
        return window;
    }

    public int outputs() {
        return outputs;
    }

    /** {@code input_ids [batch][rows]}. */
    public LongBuffer inputIds() {
        return inputIds;
    }

    /** {@code position_ids [batch][rows]}. */
    public LongBuffer positionIds() {
        return positionIds;
    }

    /** {@code window_start [batch]}. */
    public LongBuffer windowStart() {
        return windowStart;
    }

    /** {@code keep_rows [batch][keep]}. */
    public LongBuffer keepRows() {
        return keepRows;
    }

    /** {@code write_offset [batch]}. */
    public LongBuffer writeOffset() {
        return writeOffset;
    }

    /** {@code output_rows [batch][outputs]}. */
    public LongBuffer outputRows() {
        return outputRows;
    }

    /** {@code window_mask [batch][rows][window]}, one byte per entry, 1 where the row sees the column. */
    public ByteBuffer windowMask() {
        return windowMask;
    }

    /** {@code features [batch][rows][featureSize]}; empty for a target. */
    public FloatBuffer features() {
        return features;
    }
}
