package io.quarkiverse.eagle.triton;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.function.Function;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.tree.DynamicDraftTree;

/** A tree's request by the letter of the wire protocol: an extension and a step per level, over any engine. */
final class FakeTree {

    private final StepRequest extension;
    private final EngineShape shape;
    private final int levels;
    private final LongBuffer children;
    private final LongBuffer sizes;
    private final LongBuffer starts;
    private final int[] levelOffsets;
    private final int rows;
    private final DynamicDraftTree[] trees;
    private final ByteBuffer topIds;
    private final ByteBuffer topLogits;
    private final ByteBuffer expanded;

    /**
     * @param children {@code [batch]}
     * @param sizes {@code [batch][levels]}
     * @param starts {@code [batch]}
     */
    FakeTree(StepRequest extension, int levels, LongBuffer children, LongBuffer sizes, LongBuffer starts) {
        this.extension = extension;
        this.shape = extension.shape();
        this.levels = levels;
        this.children = children;
        this.sizes = sizes;
        this.starts = starts;
        this.levelOffsets = new int[levels + 1];
        for (int level = 0; level < levels; level++) {
            int most = 0;
            for (int b = 0; b < extension.batch(); b++) {
                most = Math.max(most, size(b, level));
            }
            levelOffsets[level + 1] = levelOffsets[level] + most;
        }
        this.rows = levelOffsets[levels];
        this.trees = new DynamicDraftTree[extension.batch()];
        this.topIds = little(extension.batch() * (1 + rows) * shape.topK());
        this.topLogits = little(extension.batch() * (1 + rows) * shape.topK());
        this.expanded = little(extension.batch() * rows);
    }

    private static ByteBuffer little(int words) {
        return ByteBuffer.allocate(4 * words).order(ByteOrder.LITTLE_ENDIAN);
    }

    private int size(int b, int level) {
        return (int) sizes.get(b * levels + level);
    }

    void grow(Function<StepRequest, StepResult> engine) {
        StepResult before = engine.apply(extension);
        for (int b = 0; b < trees.length; b++) {
            trees[b] = new DynamicDraftTree();
            trees[b].begin();
            answer(before, b, 0, 0);
            for (int i = 0; i < children.get(b); i++) {
                trees[b].addToRoot(before.topId(b, 0, i), before.topLogit(b, 0, i));
            }
        }
        for (int level = 0; level < levels; level++) {
            before = expand(engine, level, before);
        }
    }

    private StepResult expand(Function<StepRequest, StepResult> engine, int level, StepResult before) {
        int batch = trees.length;
        int own = levelOffsets[level + 1] - levelOffsets[level];
        int padded = batch * own < Engine.MIN_ROWS ? Engine.MIN_ROWS : own;
        int window = levelOffsets[level] + padded;
        StepRequest request = new StepRequest(shape, batch, batch * padded, window);
        request.begin(extension.firstSlot(), batch, padded, 0, window, padded);
        for (int b = 0; b < batch; b++) {
            request.windowStart(b, (int) starts.get(b));
            request.writeOffset(b, levelOffsets[level]);
            if (size(b, level) == 0) {
                continue;
            }
            DynamicDraftTree tree = trees[b];
            tree.nextFrontier(size(b, level));
            for (int t = 0; t < tree.frontierSize(); t++) {
                request.row(b, t, tree.frontierToken(t), (int) starts.get(b) + level);
                int parent = level == 0 ? (int) extension.outputRows().get(b) : tree.parentPlace(t);
                request.feature(b, t, before.features(), before.featureOffset(b, parent));
                tree.seeAncestors(request, b, t, t, levelOffsets);
            }
        }
        StepResult result = engine.apply(request);
        for (int b = 0; b < batch; b++) {
            addChildren(result, b, level, own);
        }
        return result;
    }

    private void addChildren(StepResult result, int b, int level, int own) {
        for (int t = 0; t < own; t++) {
            int row = levelOffsets[level] + t;
            answer(result, b, t, 1 + row);
            boolean padding = t >= size(b, level);
            expanded.putInt(4 * (b * rows + row), padding ? -1 : trees[b].frontier(t));
            for (int i = 0; !padding && i < children.get(b); i++) {
                trees[b].addToFrontier(t, result.topId(b, t, i), result.topLogit(b, t, i));
            }
        }
    }

    private void answer(StepResult result, int b, int r, int row) {
        for (int i = 0; i < shape.topK(); i++) {
            int at = 4 * ((b * (1 + rows) + row) * shape.topK() + i);
            topIds.putInt(at, result.topId(b, r, i));
            topLogits.putFloat(at, result.topLogit(b, r, i));
        }
    }

    /** Rows per sequence of all levels. */
    int rows() {
        return rows;
    }

    /** INT32 {@code [batch][1 + rows][topK]} */
    ByteBuffer topIds() {
        return topIds;
    }

    /** FP32 {@code [batch][1 + rows][topK]} */
    ByteBuffer topLogits() {
        return topLogits;
    }

    /** INT32 {@code [batch][rows]} */
    ByteBuffer expanded() {
        return expanded;
    }
}
