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

/**
 * The KV pool of a session, off the heap: per layer keys and values, {@code [slots, kv_heads, rows, head_dim]} in float32. The
 * same tensors are a step's inputs and outputs, so that only new rows are written.
 * <p>
 * Attention reads every row of the layout, so the layout holds only as many rows as are in use (in steps of {@value #GRAIN});
 * it is spread out when a sequence outgrows it.
 */
final class KvPoolBuffers implements AutoCloseable {

    /** Rows that the layout grows by at least; a multiple keeps row sums in whole vector lanes. */
    private static final int GRAIN = 64;

    private final OrtEnvironment environment;
    private final int slots;
    private final int kvHeads;
    private final int headDim;
    private final int mostRows;
    private final ByteBuffer[] pools;
    private final String[] pastNames;
    private final String[] presentNames;
    private int capacity;
    private int rows;
    private int firstSlot = -1;
    private int batch;
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
        for (int i = 0; i < pools.length; i++) {
            String name = (i % 2 == 0 ? "k_" : "v_") + i / 2;
            pastNames[i] = "past_" + name;
            presentNames[i] = "present_" + name;
        }
    }

    private static int roundUp(int rows) {
        return (rows + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** Makes room for so many rows per sequence, keeping what is there; when there is no memory for them, all rows are void. */
    void ensureRows(int needed) {
        if (needed <= rows) {
            return;
        }
        if (needed > mostRows) {
            throw new IllegalArgumentException("a step needs " + needed + " rows of a pool that has " + mostRows);
        }
        int wanted = Math.min(mostRows, roundUp(needed + needed / 8));
        releaseTensors();
        if (wanted > capacity) {
            grow(wanted);
        } else {
            for (ByteBuffer pool : pools) {
                spread(pool, pool, wanted);
            }
        }
        rows = wanted;
    }

    private void grow(int wanted) {
        capacity = Math.min(mostRows, Math.max(wanted, 2 * capacity));
        try {
            for (int i = 0; i < pools.length; i++) {
                ByteBuffer larger = allocate();
                if (pools[i] != null) {
                    spread(pools[i], larger, wanted);
                }
                pools[i] = larger;
            }
        } catch (RuntimeException | Error e) {
            // Some have grown and others have not: the next step begins with new ones.
            Arrays.fill(pools, null);
            capacity = 0;
            rows = 0;
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

    /** Copies every head's rows to where a layout of more rows wants them; the last head first, for it moves farthest. */
    private void spread(ByteBuffer from, ByteBuffer to, int newRows) {
        int rowBytes = headDim * Float.BYTES;
        for (int head = slots * kvHeads - 1; head >= 0; head--) {
            to.put(head * newRows * rowBytes, from, head * rows * rowBytes, rows * rowBytes);
        }
    }

    /** Copies the first rows of a slot to another one. */
    void copy(int source, int slot, int count) {
        if (count > rows) {
            throw new IllegalArgumentException(count + " rows to copy of a pool whose slots hold " + rows);
        }
        int rowBytes = headDim * Float.BYTES;
        for (ByteBuffer pool : pools) {
            for (int head = 0; head < kvHeads; head++) {
                pool.put((slot * kvHeads + head) * rows * rowBytes, pool, (source * kvHeads + head) * rows * rowBytes,
                        count * rowBytes);
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
        java.util.Arrays.fill(pools, null);
        capacity = 0;
        rows = 0;
    }
}
