package io.quarkiverse.eagle.draft;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

import io.quarkiverse.eagle.engine.DraftedTree;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.engine.TreeRequest;

/**
 * A draft head's engine and what its pool holds of every sequence: rows that are final, and tokens with the target's features
 * that wait for their step. Shared by all drafters over the same engine, so that one never writes over another's rows. Belongs
 * to the decode loop's thread.
 */
final class DraftHead {

    /** Levels that a step's window has room for. */
    static final int MOST_LEVELS = TreeRequest.MOST_LEVELS;

    private static final int INITIAL_READ = 256;

    private final Engine engine;
    private final StepCosts costs;
    private final Slot[] slots;
    private final StepRequest request;
    private final StepResult[] results = new StepResult[2];
    /** Rows of the step that was begun, all sequences' together. */
    private int levelRows;
    private double spent;
    private long treeNanos;
    /** Null for an engine that drafts level by level. */
    private final TreeRequest tree;
    private final DraftedTree drafted;

    /** What the pool holds of the sequence in a slot. */
    private static final class Slot {
        /** Final rows in the draft's pool. */
        private int rows;
        /** The token before the first row, and those of the rows. */
        private int[] read;
        /** Rows that wait for their step: the next token, and the feature before it. */
        private final int[] tokens;
        private final FloatBuffer features;
        private int pending;
        /** The row of the last extension whose output the first level descends from. */
        private int lastRow;
        /** The sequence has said more than was read, and can be drafted for no more. */
        private boolean lost;

        Slot(int capacity, int featureSize) {
            this.read = new int[INITIAL_READ];
            this.tokens = new int[capacity];
            this.features = ByteBuffer.allocateDirect(capacity * featureSize * Float.BYTES).order(ByteOrder.nativeOrder())
                    .asFloatBuffer();
        }

        /** The waiting tokens are in the pool now. */
        void tookPending() {
            if (1 + rows + pending > read.length) {
                read = Arrays.copyOf(read, Math.max(1 + rows + pending, 2 * read.length));
            }
            System.arraycopy(tokens, 0, read, 1 + rows, pending);
            rows += pending;
            lastRow = pending - 1;
            pending = 0;
        }

        /** The first rows were copied from another slot. */
        void took(Slot source, int count) {
            if (1 + count > read.length) {
                read = new int[Math.max(1 + count, 2 * read.length)];
            }
            System.arraycopy(source.read, 0, read, 0, 1 + count);
            rows = count;
        }

        /** Leading rows, of the first {@code most}, that are a sequence's own. */
        int common(Draftable sequence, int most) {
            int row = 0;
            while (row < Math.min(rows, most) && read[row] == sequence.token(row)
                    && read[row + 1] == sequence.token(row + 1)) {
                row++;
            }
            return row;
        }
    }

    /** @param costs learn from every step */
    DraftHead(Engine engine, StepCosts costs) {
        this.engine = engine;
        this.costs = costs;
        EngineShape shape = engine.shape();
        this.slots = new Slot[shape.slots()];
        int levelRows = shape.topK() * shape.slots();
        int rows = shape.maxRows() * shape.slots();
        this.request = new StepRequest(shape, shape.slots(), rows, Math.max(shape.maxRows(), MOST_LEVELS * shape.topK()));
        for (int i = 0; i < results.length; i++) {
            results[i] = new StepResult(shape, rows, Math.max(Engine.MIN_ROWS, levelRows));
        }
        boolean draftsTrees = engine.treeDrafting().isPresent();
        this.tree = draftsTrees ? new TreeRequest(shape.slots()) : null;
        this.drafted = draftsTrees ? new DraftedTree(shape, shape.slots() * (1 + MOST_LEVELS * shape.topK())) : null;
    }

    EngineShape shape() {
        return engine.shape();
    }

    /**
     * A sequence takes its slot.
     *
     * @param heldRows leading rows of the sequence's that the target's slot still holds
     * @return how many of these the draft's slot holds too; what it held beyond is void
     */
    int begin(Draftable sequence, int heldRows) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(engine.shape().maxRows(), engine.shape().featureSize());
            slots[sequence.slot()] = slot;
        }
        slot.rows = slot.common(sequence, heldRows);
        slot.read[0] = sequence.token(0);
        slot.pending = 0;
        slot.lost = false;
        return slot.rows;
    }

    /**
     * A sequence takes its slot, while the target's rows are copied from another one: the draft's are copied too, where they
     * are
     * more than its own slot holds.
     *
     * @return as {@link #begin(Draftable, int)}
     */
    int begin(Draftable sequence, int heldRows, int source) {
        int own = begin(sequence, heldRows);
        int rows = holds(source, sequence, heldRows);
        Optional<RowCopying> copying = engine.rowCopying();
        if (rows <= own || copying.isEmpty()) {
            return own;
        }
        Steps.await(copying.get().copy(source, sequence.slot(), rows));
        slots[sequence.slot()].took(slots[source], rows);
        return rows;
    }

    /** Leading rows of a sequence's, of its first {@code rows}, that a slot holds. */
    int holds(int slot, Draftable sequence, int rows) {
        return slots[slot] == null ? 0 : slots[slot].common(sequence, rows);
    }

    /** The pool is void. */
    void forget() {
        for (Slot slot : slots) {
            if (slot != null) {
                slot.rows = 0;
            }
        }
    }

    /**
     * A token follows a row of the target's step; it waits with that row's feature until the next extension.
     *
     * @param follows asked, with a number of rows, when so many wait that they have to be read now; if not, the sequence is
     *        lost
     */
    void observe(Draftable sequence, StepResult result, int b, int row, int nextToken, IntPredicate follows) {
        Slot slot = slots[sequence.slot()];
        if (slot.lost) {
            return;
        }
        if (slot.pending == slot.tokens.length) {
            if (!follows.test(slot.pending)) {
                slot.lost = true;
                slot.pending = 0;
                return;
            }
            extend(List.of(sequence));
        }
        int width = engine.shape().featureSize();
        slot.tokens[slot.pending] = nextToken;
        slot.features.put(slot.pending * width, result.features(), result.featureOffset(b, row), width);
        slot.pending++;
    }

    /** Whether the head has read, or can read, all that a sequence has said. */
    boolean follows(Draftable sequence) {
        return !slots[sequence.slot()].lost;
    }

    /** Rows of the next extension, per sequence. */
    int extensionRows(List<? extends Draftable> sequences) {
        int rows = Engine.MIN_ROWS;
        for (Draftable sequence : sequences) {
            rows = Math.max(rows, slots[sequence.slot()].pending);
        }
        return rows;
    }

    /** Seconds that a step of so many rows for each of some sequences should cost. */
    double cost(List<? extends Draftable> sequences, int rows) {
        return costs.at((lastSlot(sequences) - firstSlot(sequences) + 1) * rows);
    }

    /** Final rows of a sequence: the rotary position of its next level. */
    int rows(Draftable sequence) {
        return slots[sequence.slot()].rows;
    }

    /** The row of the last extension that the first level descends from. */
    int lastRow(Draftable sequence) {
        return slots[sequence.slot()].lastRow;
    }

    /** The lowest slot: the first sequence of a step. */
    static int firstSlot(List<? extends Draftable> sequences) {
        int first = Integer.MAX_VALUE;
        for (Draftable sequence : sequences) {
            first = Math.min(first, sequence.slot());
        }
        return first;
    }

    private static int lastSlot(List<? extends Draftable> sequences) {
        int last = 0;
        for (Draftable sequence : sequences) {
            last = Math.max(last, sequence.slot());
        }
        return last;
    }

    /** Runs the waiting rows of every sequence; afterwards they are final, and their last row's outputs are in the result. */
    StepResult extend(List<? extends Draftable> sequences) {
        beginExtension(sequences);
        StepResult result = run(results[0], levelRows);
        tookPending(sequences);
        return result;
    }

    private void beginExtension(List<? extends Draftable> sequences) {
        int rows = extensionRows(sequences);
        int context = 0;
        for (Draftable sequence : sequences) {
            context = Math.max(context, slots[sequence.slot()].rows);
        }
        costs.context(context);
        int first = firstSlot(sequences);
        int batch = lastSlot(sequences) - first + 1;
        levelRows = batch * rows;
        request.begin(first, batch, rows, 0, rows, 1);
        parkIdleSlots(first, batch);
        int width = engine.shape().featureSize();
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int b = sequence.slot() - first;
            for (int t = 0; t < slot.pending; t++) {
                request.row(b, t, slot.tokens[t], slot.rows + t);
                request.feature(b, t, slot.features, t * width);
                for (int seen = 0; seen < t; seen++) {
                    request.see(b, t, seen);
                }
            }
            request.outputRow(b, 0, slot.pending - 1);
        }
    }

    private void tookPending(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            slots[sequence.slot()].tookPending();
        }
    }

    /** Whether the engine drafts all levels in one request. */
    boolean draftsTrees() {
        return tree != null;
    }

    /** Begins the request for a tree of every sequence; the caller says how large they grow. */
    TreeRequest beginTree(List<? extends Draftable> sequences) {
        int first = firstSlot(sequences);
        int batch = lastSlot(sequences) - first + 1;
        tree.begin(batch);
        for (int b = 0; b < batch; b++) {
            tree.windowStart(b, slots[first + b] == null ? 0 : slots[first + b].rows);
        }
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            tree.windowStart(sequence.slot() - first, slot.rows + slot.pending);
        }
        return tree;
    }

    /** Runs the waiting rows of every sequence and the levels that were asked for. */
    DraftedTree draftTree(List<? extends Draftable> sequences) {
        beginExtension(sequences);
        long start = engine.nanoTime();
        DraftedTree result = Steps.await(engine.treeDrafting().orElseThrow().draft(request, tree, drafted));
        treeNanos = engine.nanoTime() - start;
        tookPending(sequences);
        return result;
    }

    /**
     * Begins the step of a level. Its rows go behind those of the levels before; the caller fills them.
     *
     * @param rows per sequence
     * @param window rows of all levels so far, these included
     */
    StepRequest beginLevel(List<? extends Draftable> sequences, int rows, int window) {
        int first = firstSlot(sequences);
        int batch = lastSlot(sequences) - first + 1;
        int padded = batch * rows < Engine.MIN_ROWS ? Engine.MIN_ROWS : rows;
        int columns = window - rows + padded;
        levelRows = batch * padded;
        request.begin(first, batch, padded, 0, columns, padded);
        parkIdleSlots(first, batch);
        for (int b = 0; b < batch; b++) {
            request.writeOffset(b, columns - padded);
        }
        return request;
    }

    /** Runs the level that was begun; the result of the level before stays readable. */
    StepResult runLevel(StepResult before) {
        return run(results[before == results[0] ? 1 : 0], levelRows);
    }

    private StepResult run(StepResult into, int rows) {
        long start = engine.nanoTime();
        StepResult result = Steps.await(engine.step(request, into));
        costs.took(rows, engine.nanoTime() - start);
        spent += costs.latest(rows);
        return result;
    }

    /**
     * Seconds of the last tree that was drafted in one request.
     *
     * @param expected what its steps were expected to cost one by one
     */
    double spentOnTree(double expected) {
        costs.tookTogether(expected, treeNanos);
        return costs.latest(Engine.MIN_ROWS);
    }

    /** Seconds of the steps since the last call. */
    double takeSpent() {
        double seconds = spent;
        spent = 0;
        return seconds;
    }

    /** Slots that take no part write behind their own rows. */
    private void parkIdleSlots(int first, int batch) {
        for (int b = 0; b < batch; b++) {
            Slot slot = slots[first + b];
            request.windowStart(b, slot == null ? 0 : slot.rows);
        }
    }

    void close() {
        engine.close();
    }
}
