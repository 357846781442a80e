package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A checkpoint of quantised matrices under the names that plain ones have. Reading one gives its values with scales applied, so
 * that whoever does not ask for the quantised form gets the same model in floating point.
 */
final class QuantizedCheckpoint implements Checkpoint {

    private static final String WEIGHT = ".weight";

    /** Scales of an 8-bit KV cache; the pool here has 16 bits and needs none. */
    private static final List<String> CACHE_SCALES = List.of(".k_scale", ".v_scale", ".kv_scale");

    private final Checkpoint stored;
    private final Quantization quantization;
    private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
    private String held;
    private QuantizedMatrix matrix;

    private QuantizedCheckpoint(Checkpoint stored, Quantization quantization) {
        this.stored = stored;
        this.quantization = quantization;
    }

    /**
     * @param stored closed with what is returned
     * @throws CheckpointException when a matrix lacks a part, or its parts do not fit
     */
    static Checkpoint of(Checkpoint stored, Quantization quantization, boolean qkvBias) {
        if (quantization instanceof Quantization.None) {
            return stored;
        }
        QuantizedCheckpoint checkpoint = new QuantizedCheckpoint(stored, quantization);
        stored.tensors().forEach((name, info) -> checkpoint.place(name, info, qkvBias));
        return checkpoint;
    }

    private void place(String name, TensorInfo info, boolean qkvBias) {
        int dot = name.lastIndexOf('.');
        String module = dot < 0 ? name : name.substring(0, dot);
        String part = dot < 0 ? "" : name.substring(dot);
        if (quantization instanceof Quantization.Int4 int4 && stored.tensors().containsKey(module + int4.packing().levels())) {
            placeInt4(name, info, module, part, int4, qkvBias);
        } else if (quantization instanceof Quantization.Float8 && part.equals(WEIGHT) && info.type().equals("F8_E4M3")) {
            put(name, new Float8Matrix(stored, module));
        } else if (!isScale(module, part)) {
            infos.put(name, info);
        }
    }

    private void placeInt4(String name, TensorInfo info, String module, String part, Quantization.Int4 int4, boolean qkvBias) {
        Int4Packing packing = int4.packing();
        if (part.equals(packing.levels())) {
            put(module + WEIGHT, new Int4Matrix(stored, module, packing, int4.group()));
        } else if (part.equals(packing.groups())) {
            requireNeighbours(name, int4.group());
        } else if (part.equals(".bias")) {
            // AutoGPTQ writes biases of zeros beside matrices that have none.
            if (qkvBias && module.matches(".*\\.[qkv]_proj") || !zeros(name, info)) {
                infos.put(name, info);
            }
        } else if (!part.equals(packing.scales()) && !part.equals(packing.zeroPoints()) && !part.equals(".weight_shape")) {
            infos.put(name, info);
        }
    }

    private boolean isScale(String module, String part) {
        return quantization instanceof Quantization.Float8
                && ((part.equals(".weight_scale") || part.equals(".input_scale"))
                        && stored.tensors().containsKey(module + WEIGHT)
                        || CACHE_SCALES.contains(part) || part.equals(".output_scale") && module.matches(".*\\.[kv]_proj"));
    }

    private void put(String name, QuantizedMatrix found) {
        infos.put(name, new TensorInfo(name, found.type(), List.of((long) found.rows(), (long) found.columns())));
    }

    private void requireNeighbours(String name, int group) {
        long[] groups = stored.readIntegers(name);
        for (int i = 0; i < groups.length; i++) {
            if (groups[i] != i / group) {
                throw new CheckpointException(stored.source() + ": tensor " + name + " puts input channel " + i + " into group "
                        + groups[i] + "; expected " + i / group + ": groups of scattered input channels have no block form in"
                        + " TensorRT; quantise the model without act-order (desc_act)");
            }
        }
    }

    private boolean zeros(String name, TensorInfo info) {
        float[] values = new float[Math.toIntExact(info.elements())];
        stored.read(name, 0, values, 0, values.length);
        for (float value : values) {
            if (value != 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public String source() {
        return stored.source();
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(infos);
    }

    @Override
    public QuantizedMatrix quantized(String name) {
        if (name.equals(held)) {
            return matrix;
        }
        String type = tensor(name).type();
        if (!type.equals(Int4Matrix.TYPE) && !type.equals(Float8Matrix.TYPE)) {
            return null;
        }
        String module = name.substring(0, name.length() - WEIGHT.length());
        matrix = quantization instanceof Quantization.Int4 int4
                ? new Int4Matrix(stored, module, int4.packing(), int4.group())
                : new Float8Matrix(stored, module);
        held = name;
        return matrix;
    }

    @Override
    public void read(String name, long firstElement, float[] into, int offset, int count) {
        QuantizedMatrix quantized = quantized(name);
        if (quantized == null) {
            stored.read(name, firstElement, into, offset, count);
            return;
        }
        java.util.Objects.checkFromIndexSize(offset, count, into.length);
        java.util.Objects.checkFromIndexSize(firstElement, count, tensor(name).elements());
        quantized.read(firstElement, into, offset, count);
    }

    @Override
    public void readStored(String name, long firstByte, ByteBuffer into) {
        stored.readStored(name, firstByte, into);
    }

    @Override
    public long[] readIntegers(String name) {
        return stored.readIntegers(name);
    }

    @Override
    public void close() throws IOException {
        stored.close();
    }
}
