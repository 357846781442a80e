package io.quarkiverse.eagle.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * What one {@link TreeDrafting} request brought, in direct buffers that are reused. Dense for the shape of its request,
 * row-major. {@code R} is 1 + {@link TreeRequest#rows()}: the root's row and those of all levels, in order.
 */
public final class DraftedTree {

    private final EngineShape shape;
    private final IntBuffer topIds;
    private final FloatBuffer topLogits;
    private final IntBuffer expanded;
    private int rows;

    /** @param mostRows most rows over all sequences, {@code batch * R} */
    public DraftedTree(EngineShape shape, int mostRows) {
        this.shape = shape;
        this.topIds = direct(mostRows * shape.topK()).asIntBuffer();
        this.topLogits = direct(mostRows * shape.topK()).asFloatBuffer();
        this.expanded = direct(mostRows).asIntBuffer();
    }

    private static ByteBuffer direct(int words) {
        return ByteBuffer.allocateDirect(Math.multiplyExact(words, 4)).order(ByteOrder.nativeOrder());
    }

    /** For engines: the request that fills this result. */
    public void begin(TreeRequest request) {
        rows = 1 + request.rows();
    }

    /** The {@code i}-th best token after a row; row 0 is the root's. */
    public int topId(int b, int row, int i) {
        return topIds.get((b * rows + row) * shape.topK() + i);
    }

    /** Its log-probability in nats; descending in {@code i}. */
    public float topLogit(int b, int row, int i) {
        return topLogits.get((b * rows + row) * shape.topK() + i);
    }

    /** Which candidate a row expanded; the row is one of a level's, counted from 1, and no padding. */
    public int expanded(int b, int row) {
        return expanded.get(b * (rows - 1) + row - 1);
    }

    /** {@code top_ids [batch][R][topK]}. */
    public IntBuffer topIds() {
        return topIds;
    }

    /** {@code top_logits [batch][R][topK]}. */
    public FloatBuffer topLogits() {
        return topLogits;
    }

    /** {@code expanded [batch][R - 1]}: candidates, -1 for padding. */
    public IntBuffer expanded() {
        return expanded;
    }
}
