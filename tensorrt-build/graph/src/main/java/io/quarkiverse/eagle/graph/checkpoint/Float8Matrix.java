package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/**
 * Weights of eight bits, four for the exponent and three for the mantissa (E4M3, without infinities), with one scale for the
 * matrix or one per output channel.
 */
public final class Float8Matrix implements QuantizedMatrix {

    /** What {@link #type} says. */
    public static final String TYPE = "fp8";

    private static final float[] VALUES = values();

    private final Checkpoint stored;
    private final String name;
    private final int rows;
    private final int columns;
    private final float[] scales;
    private final float inputScale;

    /** @param module its tensors' common prefix */
    Float8Matrix(Checkpoint stored, String module) {
        this.stored = stored;
        this.name = module + ".weight";
        TensorInfo info = stored.tensor(name);
        if (info.shape().size() != 2) {
            throw new CheckpointException(stored.source() + ": tensor " + name + " has shape " + info.shapeText()
                    + "; expected a matrix");
        }
        this.rows = Math.toIntExact(info.shape().get(0));
        this.columns = Math.toIntExact(info.shape().get(1));
        this.scales = scales(module + ".weight_scale", rows);
        String input = module + ".input_scale";
        this.inputScale = stored.tensors().containsKey(input) ? scales(input, 1)[0] : Float.NaN;
    }

    private float[] scales(String tensor, int most) {
        TensorInfo info = stored.tensor(tensor);
        if (info.elements() != 1 && (info.elements() != most || info.shape().get(0) != most)) {
            throw new CheckpointException(stored.source() + ": tensor " + tensor + " has shape " + info.shapeText()
                    + "; expected one scale" + (most == 1 ? "" : ", or one for each of " + most + " output channels"));
        }
        float[] values = new float[(int) info.elements()];
        stored.read(tensor, 0, values, 0, values.length);
        return values;
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int columns() {
        return columns;
    }

    @Override
    public String type() {
        return TYPE;
    }

    /** One, or one per row. */
    public float[] scales() {
        return scales.clone();
    }

    /** What the rows that are multiplied with this matrix are divided by before they are rounded to 8 bits; NaN for none. */
    public float inputScale() {
        return inputScale;
    }

    /** Fills a buffer with whole rows as they are stored. */
    public void readRows(int firstRow, ByteBuffer into) {
        stored.readStored(name, (long) firstRow * columns, into);
    }

    @Override
    public void read(long first, float[] into, int offset, int count) {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        stored.readStored(name, first, bytes);
        for (int i = 0; i < count; i++) {
            float scale = scales[scales.length == 1 ? 0 : (int) ((first + i) / columns)];
            into[offset + i] = VALUES[bytes.get(i) & 0xff] * scale;
        }
    }

    private static float[] values() {
        float[] values = new float[256];
        for (int bits = 0; bits < 128; bits++) {
            int exponent = bits >>> 3;
            int mantissa = bits & 7;
            values[bits] = exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(8 + mantissa, exponent - 10);
            values[bits | 128] = -values[bits];
        }
        values[127] = Float.NaN;
        values[255] = Float.NaN;
        return values;
    }
}
