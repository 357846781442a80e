package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * 4-bit weights in groups of neighbouring input channels: {@code weight = scale · (level − zero point)}, with a scale and a
 * zero
 * point per group and output channel. Levels and zero points are given lowered by 8, as signed 4-bit integers. The packed
 * integers are held in memory from the first read on.
 */
public final class Int4Matrix implements QuantizedMatrix {

    /** What {@link #type} says. */
    public static final String TYPE = "int4";

    private static final int MIDDLE = 8;

    private final Checkpoint stored;
    private final String module;
    private final Int4Packing packing;
    private final int rows;
    private final int columns;
    private final int group;
    private int[] levels;
    private float[] scales;
    private byte[] zeroPoints;

    /**
     * @param module its tensors' common prefix
     * @param group input channels that share a scale
     */
    Int4Matrix(Checkpoint stored, String module, Int4Packing packing, int group) {
        this.stored = stored;
        this.module = module;
        this.packing = packing;
        this.group = group;
        TensorInfo info = stored.tensor(module + packing.scales());
        boolean byRows = packing == Int4Packing.COMPRESSED;
        if (info.shape().size() != 2 || info.shape().get(byRows ? 1 : 0) > Integer.MAX_VALUE / group) {
            throw new CheckpointException(stored.source() + ": tensor " + info.name() + " has shape " + info.shapeText()
                    + "; expected the scales of groups of " + group + " input channels");
        }
        this.rows = Math.toIntExact(info.shape().get(byRows ? 0 : 1));
        this.columns = Math.toIntExact(info.shape().get(byRows ? 1 : 0)) * group;
        require(module + packing.levels(), packing.packedShape(rows, columns));
        if (packing.zeroPoints() != null) {
            require(module + packing.zeroPoints(), columns / group, rows / Int4Packing.LEVELS);
        }
        if (rows % Int4Packing.LEVELS != 0) {
            throw new CheckpointException(
                    stored.source() + ": " + module + " has " + rows + " output channels, which do not fill"
                            + " integers of " + Int4Packing.LEVELS + " levels");
        }
    }

    private void require(String name, long... shape) {
        TensorInfo info = stored.tensor(name);
        if (!info.type().equals("I32") || !info.hasShape(shape)) {
            throw new CheckpointException(stored.source() + ": tensor " + name + " is " + info.type() + " " + info.shapeText()
                    + "; expected I32 " + Arrays.toString(shape) + " by its scales and the group size of " + group);
        }
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

    /** Input channels that share a scale. */
    public int group() {
        return group;
    }

    /** {@code [columns / group, rows]}, row-major. */
    public float[] scales() {
        if (scales == null) {
            float[] read = new float[columns / group * rows];
            stored.read(module + packing.scales(), 0, read, 0, read.length);
            scales = packing == Int4Packing.COMPRESSED ? transposed(read, columns / group) : read;
        }
        return scales;
    }

    private static float[] transposed(float[] values, int width) {
        int height = values.length / width;
        float[] transposed = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            transposed[i % width * height + i / width] = values[i];
        }
        return transposed;
    }

    /** {@code [columns / group, rows]}, row-major, each from −8 to 8. */
    public byte[] zeroPoints() {
        if (zeroPoints == null) {
            int[] packed = packing.zeroPoints() == null ? null : integers(module + packing.zeroPoints());
            byte[] read = new byte[columns / group * rows];
            for (int at = 0; at < read.length; at++) {
                read[at] = (byte) (packing.zeroPoint(packed, rows, at % rows, at / rows) - MIDDLE);
            }
            zeroPoints = read;
        }
        return zeroPoints;
    }

    /** Whether all zero points are 0. */
    public boolean symmetric() {
        for (byte zeroPoint : zeroPoints()) {
            if (zeroPoint != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads levels by input channels.
     *
     * @param firstColumn first input channel
     * @param count how many
     * @param into receives {@code [count, rows]} levels from −8 to 7
     */
    public void readColumns(int firstColumn, int count, byte[] into) {
        int[] packed = levels();
        for (int i = 0, at = 0; i < count; i++) {
            for (int row = 0; row < rows; row++) {
                into[at++] = (byte) (packing.level(packed, rows, row, firstColumn + i) - MIDDLE);
            }
        }
    }

    @Override
    public void read(long first, float[] into, int offset, int count) {
        if (count == 0) {
            return;
        }
        int[] packed = levels();
        float[] unit = scales();
        byte[] zero = zeroPoints();
        for (int i = 0; i < count; i++) {
            int row = (int) ((first + i) / columns);
            int column = (int) ((first + i) % columns);
            int at = column / group * rows + row;
            into[offset + i] = unit[at] * (packing.level(packed, rows, row, column) - MIDDLE - zero[at]);
        }
    }

    private int[] levels() {
        if (levels == null) {
            levels = integers(module + packing.levels());
        }
        return levels;
    }

    private int[] integers(String name) {
        int[] values = new int[Math.toIntExact(stored.tensor(name).elements())];
        ByteBuffer bytes = ByteBuffer.allocateDirect(Math.min(1 << 18, values.length * Integer.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < values.length;) {
            int run = Math.min(values.length - at, bytes.capacity() / Integer.BYTES);
            stored.readStored(name, (long) at * Integer.BYTES, bytes.clear().limit(run * Integer.BYTES));
            bytes.flip().asIntBuffer().get(values, at, run);
            at += run;
        }
        return values;
    }
}
