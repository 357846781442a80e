package io.quarkiverse.eagle.onnxruntime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;

/**
 * The KV pool of a session, off the heap: per layer keys and values, {@code [slots, kv_heads, rows, head_dim]} in float32. The
 * same tensors are a step's inputs and outputs, so that only new rows are written.
 * <p>
 * Attention reads every row of the layout, so the layout holds only as many rows as are in use (in steps of {@value #GRAIN});
 * it is spread out when a sequence outgrows it, and packed when steps did not need most of it: at once where a prompt is read,
 * after some steps of few rows, and more reluctantly where the long sequence came back soon after. What other slots hold beyond
 * a packed layout is set aside until a step wants it.
 */
final class KvPoolBuffers implements AutoCloseable {

    /** Rows that the layout grows by at least; a multiple keeps row sums in whole vector lanes. */
    private static final int GRAIN = 64;

    /**
     * Least and most steps in succession that a layout with half as many rows again as they wanted is kept for. A step of many
     * rows counts as so many steps of {@value Engine#MIN_ROWS}.
     */
    static final int PATIENCE = 16;
    private static final int MOST_PATIENCE = 16 * PATIENCE;

    private final OrtEnvironment environment;
    private final int slots;
    private final int kvHeads;
    private final int headDim;
    private final int mostRows;
    private final ByteBuffer[] pools;
    private final String[] pastNames;
    private final String[] presentNames;
    /** By slot, rows that are of use: up to the end of its last window. */
    private final int[] used;
    /** By slot, its rows of every pool, {@code [kv_heads][used]}; null for what the layout holds. */
    private final ByteBuffer[][] aside;
    private int capacity;
    private int rows;
    private int firstSlot = -1;
    private int batch;
    private int roomySteps;
    private int patience = PATIENCE;
    private int stepsSincePacked;
    private Map<String, OnnxTensor> past = new HashMap<>();
    private Map<String, OnnxTensor> present = new HashMap<>();

    KvPoolBuffers(OrtEnvironment environment, int layers, int slots, int kvHeads, int headDim, int mostRows) {
        this.environment = environment;
        this.slots = slots;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.mostRows = roundUp(mostRows);
        this.pools = new ByteBuffer[2 * layers];
        this.pastNames = new String[2 * layers];
        this.presentNames = new String[2 * layers];
        this.used = new int[slots];
        this.aside = new ByteBuffer[slots][];
        for (int i = 0; i < pools.length; i++) {
            String name = (i % 2 == 0 ? "k_" : "v_") + i / 2;
            pastNames[i] = "past_" + name;
            presentNames[i] = "present_" + name;
        }
    }

    private static int roundUp(int rows) {
        return (rows + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** Makes room for a step, keeping what it finds in its slots; when there is no memory for it, all rows are void. */
    void prepare(StepRequest request) {
        int needed = 0;
        for (int b = 0; b < request.batch(); b++) {
            needed = Math.max(needed, Math.max(reads(request, b), end(request, b)));
        }
        ensureRows(needed);
        stepsSincePacked++;
        for (int b = 0; b < request.batch(); b++) {
            int slot = request.firstSlot() + b;
            bringBack(slot, Math.min(reads(request, b), used[slot]));
            used[slot] = end(request, b);
        }
        int wanted = roundUp(needed);
        int steps = Math.max(1, request.batch() * request.rows() / Engine.MIN_ROWS);
        roomySteps = wanted + wanted / 2 < rows ? roomySteps + steps : 0;
        if (roomySteps >= patience) {
            pack(wanted);
            roomySteps = 0;
            stepsSincePacked = 0;
        }
    }

    /** Leading rows of a slot that a step wants to find there. */
    private static int reads(StepRequest request, int b) {
        long rows = request.windowStart().get(b);
        for (int i = 0; i < request.keep(); i++) {
            rows = Math.max(rows, request.keepRows().get(b * request.keep() + i) + 1);
        }
        return Math.toIntExact(rows);
    }

    /** Rows of a slot that are of use after a step. */
    private static int end(StepRequest request, int b) {
        return Math.toIntExact(request.windowStart().get(b) + request.window());
    }

    private void ensureRows(int needed) {
        if (needed <= rows) {
            return;
        }
        if (needed > mostRows) {
            throw new IllegalArgumentException("a step needs " + needed + " rows of a pool that has " + mostRows);
        }
        int wanted = roundUp(needed);
        releaseTensors();
        if (wanted > capacity) {
            grow(wanted);
        } else {
            for (ByteBuffer pool : pools) {
                move(pool, pool, wanted);
            }
        }
        rows = wanted;
    }

    /** Makes the layout shorter, if there is memory for the slots that hold more: they are set aside. */
    private void pack(int wanted) {
        ByteBuffer[][] before = aside.clone();
        try {
            for (int slot = 0; slot < slots; slot++) {
                if (used[slot] > wanted && aside[slot] == null) {
                    aside[slot] = copyOf(slot);
                }
            }
        } catch (OutOfMemoryError e) {
            // The layout still holds everything.
            System.arraycopy(before, 0, aside, 0, slots);
            return;
        }
        releaseTensors();
        for (ByteBuffer pool : pools) {
            move(pool, pool, wanted);
        }
        rows = wanted;
    }

    private ByteBuffer[] copyOf(int slot) {
        ByteBuffer[] kept = new ByteBuffer[pools.length];
        int bytes = used[slot] * headDim * Float.BYTES;
        for (int i = 0; i < pools.length; i++) {
            kept[i] = ByteBuffer.allocateDirect(kvHeads * bytes);
            for (int head = 0; head < kvHeads; head++) {
                kept[i].put(head * bytes, pools[i], offset(slot, head), bytes);
            }
        }
        return kept;
    }

    /** The layout, which has room for them, gets a slot's first rows; its others are void. */
    private void bringBack(int slot, int count) {
        ByteBuffer[] kept = aside[slot];
        if (kept == null) {
            return;
        }
        if (count > 0) {
            patience = stepsSincePacked < PATIENCE ? Math.min(MOST_PATIENCE, 2 * patience) : PATIENCE;
        }
        copyAside(slot, slot, count);
        aside[slot] = null;
    }

    private void copyAside(int source, int slot, int count) {
        int rowBytes = headDim * Float.BYTES;
        for (int i = 0; i < pools.length; i++) {
            for (int head = 0; head < kvHeads; head++) {
                pools[i].put(offset(slot, head), aside[source][i], head * used[source] * rowBytes, count * rowBytes);
            }
        }
    }

    /** Where a head's rows begin. */
    private int offset(int slot, int head) {
        return (slot * kvHeads + head) * rows * headDim * Float.BYTES;
    }

    private void grow(int wanted) {
        capacity = Math.min(mostRows, Math.max(wanted, 2 * capacity));
        try {
            for (int i = 0; i < pools.length; i++) {
                ByteBuffer larger = allocate();
                if (pools[i] != null) {
                    move(pools[i], larger, wanted);
                }
                pools[i] = larger;
            }
        } catch (RuntimeException | Error e) {
            // Some have grown and others have not: the next step begins with new ones.
            forget();
            throw e;
        }
    }

    private ByteBuffer allocate() {
        long bytes = (long) slots * kvHeads * capacity * headDim * Float.BYTES;
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a layer's pool of " + slots + " slots and " + capacity + " rows needs "
                    + bytes + " bytes; use fewer slots or a smaller max length");
        }
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
    }

    /**
     * Copies every head's rows that are of use to where a layout of another length wants them; in a longer one the last head
     * moves first, for it moves farthest.
     */
    private void move(ByteBuffer from, ByteBuffer to, int newRows) {
        int heads = slots * kvHeads;
        for (int i = 0; i < heads; i++) {
            int head = newRows > rows ? heads - 1 - i : i;
            int slot = head / kvHeads;
            if (aside[slot] == null) {
                int rowBytes = headDim * Float.BYTES;
                to.put(head * newRows * rowBytes, from, head * rows * rowBytes, used[slot] * rowBytes);
            }
        }
    }

    /** Copies the first rows of a slot to another one, whose others are void. */
    void copy(int source, int slot, int count) {
        if (count > used[source]) {
            throw new IllegalArgumentException(count + " rows to copy of a slot that holds " + used[source]);
        }
        ensureRows(count);
        aside[slot] = null;
        used[slot] = count;
        if (aside[source] != null) {
            copyAside(source, slot, count);
            return;
        }
        for (ByteBuffer pool : pools) {
            for (int head = 0; head < kvHeads; head++) {
                pool.put(offset(slot, head), pool, offset(source, head), count * headDim * Float.BYTES);
            }
        }
    }

    /** Binds a run of slots; the tensors stay valid until another run is bound or the pool grows. */
    void bind(int firstSlot, int batch) throws OrtException {
        if (this.firstSlot == firstSlot && this.batch == batch) {
            return;
        }
        releaseTensors();
        int slotBytes = kvHeads * rows * headDim * Float.BYTES;
        long[] shape = { batch, kvHeads, rows, headDim };
        for (int i = 0; i < pools.length; i++) {
            ByteBuffer run = pools[i].slice(firstSlot * slotBytes, batch * slotBytes).order(ByteOrder.nativeOrder());
            OnnxTensor tensor = OnnxTensor.createTensor(environment, run, shape, OnnxJavaType.FLOAT);
            past.put(pastNames[i], tensor);
            present.put(presentNames[i], tensor);
        }
        this.firstSlot = firstSlot;
        this.batch = batch;
    }

    /** Rows per slot that attention reads. */
    int rows() {
        return rows;
    }

    /** One of the pools, keys and values in turns; {@code [slots][kv_heads][rows][head_dim]} */
    ByteBuffer pool(int index) {
        return pools[index];
    }

    /** The bound pool as inputs. */
    Map<String, OnnxTensor> past() {
        return past;
    }

    /** The bound pool as outputs. */
    Map<String, OnnxTensor> present() {
        return present;
    }

    private void releaseTensors() {
        past.values().forEach(OnnxTensor::close);
        past.clear();
        present.clear();
        firstSlot = -1;
    }

    @Override
    public void close() {
        releaseTensors();
        forget();
    }

    private void forget() {
        Arrays.fill(pools, null);
        Arrays.fill(aside, null);
        Arrays.fill(used, 0);
        capacity = 0;
        rows = 0;
    }
}
