package io.quarkiverse.eagle.graph.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.Float8Matrix;
import io.quarkiverse.eagle.graph.checkpoint.Int4Matrix;
import io.quarkiverse.eagle.graph.checkpoint.TensorInfo;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Moves weights from a checkpoint into a graph's weight file, a few rows at a time. */
final class Weights {

    private static final int RUN = 1 << 18;

    private final OnnxGraph graph;
    private final WeightFile file;
    private final String bundlePath;
    private final ProgressListener progress;
    private final List<BundleManifest.Weight> signed = new ArrayList<>();

    /** @param bundlePath the weight file's path inside the bundle */
    Weights(OnnxGraph graph, WeightFile file, String bundlePath, ProgressListener progress) {
        this.graph = graph;
        this.file = file;
        this.bundlePath = bundlePath;
        this.progress = progress;
    }

    static void checkVector(Checkpoint checkpoint, String name, int length) {
        TensorInfo info = checkpoint.tensor(name);
        if (!info.hasShape(length)) {
            throw new CheckpointException("tensor " + name + " of " + checkpoint.source() + " has shape " + info.shapeText()
                    + ", expected [" + length + "]");
        }
    }

    /** Values that were computed. */
    Value values(String name, ElementType type, float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            Floats.put(bytes, type, value);
        }
        WeightFile.Region region = file.reserve(bytes.flip().remaining());
        file.write(region, 0, bytes);
        return graph.external(name, type, file, region, shape);
    }

    /** A matrix as it is, {@code [rows, columns]}, rows of several tensors stacked. */
    Value matrix(String name, ElementType type, List<Rows> parts) {
        int columns = parts.get(0).columns();
        long rows = parts.stream().mapToLong(Rows::count).sum();
        WeightFile.Region region = file.reserve(rows * columns * type.bytes());
        int block = Math.max(1, RUN / columns);
        float[] values = new float[block * columns];
        ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        long at = 0;
        for (Rows part : parts) {
            for (int first = 0; first < part.count(); first += block) {
                int count = Math.min(block, part.count() - first);
                part.read(first, count, values);
                bytes.clear();
                for (int i = 0; i < count * columns; i++) {
                    Floats.put(bytes, type, values[i]);
                }
                bytes.flip();
                int written = bytes.remaining();
                file.write(region, at, bytes);
                at += written;
                progress.advance(written);
            }
        }
        return graph.external(name, type, file, region, rows, columns);
    }

    /** Levels of 4 bits, {@code [columns, rows]}, matrices side by side. */
    Value int4(String name, List<Int4Matrix> parts) {
        int columns = parts.get(0).columns();
        int rows = parts.stream().mapToInt(Int4Matrix::rows).sum();
        WeightFile.Region region = file.reserve((long) columns * rows / 2);
        int block = Math.max(1, Math.min(columns, RUN / rows));
        byte[] levels = new byte[block * rows];
        ByteBuffer bytes = ByteBuffer.allocateDirect(levels.length / 2);
        for (int first = 0; first < columns; first += block) {
            int count = Math.min(block, columns - first);
            int at = 0;
            for (Int4Matrix part : parts) {
                part.readColumns(first, count, levels);
                // A part's rows fill whole bytes, because they fill whole integers in the checkpoint.
                for (int column = 0; column < count; column++) {
                    int from = column * part.rows();
                    int to = (column * rows + at) / 2;
                    for (int i = 0; i < part.rows(); i += 2) {
                        bytes.put(to + i / 2, (byte) (levels[from + i] & 15 | levels[from + i + 1] << 4));
                    }
                }
                at += part.rows();
            }
            file.write(region, (long) first * rows / 2, bytes.clear().limit(count * rows / 2));
            progress.advance((long) count * rows / 2);
        }
        return graph.external(name, ElementType.INT4, file, region, columns, rows);
    }

    /** Numbers of 8 bits as they are, {@code [rows, columns]}, matrices stacked. */
    Value float8(String name, List<Float8Matrix> parts) {
        int columns = parts.get(0).columns();
        long rows = parts.stream().mapToLong(Float8Matrix::rows).sum();
        WeightFile.Region region = file.reserve(rows * columns);
        int block = Math.max(1, RUN / columns);
        ByteBuffer bytes = ByteBuffer.allocateDirect(block * columns);
        long at = 0;
        for (Float8Matrix part : parts) {
            for (int first = 0; first < part.rows(); first += block) {
                int length = Math.min(block, part.rows() - first) * columns;
                part.readRows(first, bytes.clear().limit(length));
                file.write(region, at, bytes.flip());
                at += length;
                progress.advance(length);
            }
        }
        return graph.external(name, ElementType.FLOAT8E4M3FN, file, region, rows, columns);
    }

    /** Where the last matrix of a name lies, for sharing it with another graph. */
    static BundleManifest.Weight shared(String name, ElementType type, String bundlePath, WeightFile.Region region,
            long... shape) {
        return new BundleManifest.Weight(name, type.text(), java.util.Arrays.stream(shape).boxed().toList(), bundlePath,
                region.offset(), region.length());
    }

    /** A matrix that another graph may use too, with its place in the bundle. */
    Shared sharedMatrix(String name, ElementType type, Rows rows) {
        long end = file.reserve(0).offset();
        Value value = matrix(name, type, List.of(rows));
        WeightFile.Region region = new WeightFile.Region(end, (long) rows.count() * rows.columns() * type.bytes());
        return new Shared(value, shared(name, type, bundlePath, region, rows.count(), rows.columns()));
    }

    /** A value and where its data lies in the bundle. */
    record Shared(Value value, BundleManifest.Weight weight) {
    }

    /**
     * An 8-bit matrix, {@code [columns, rows]} as {@code MatMulInteger} wants it, symmetric with one scale per row of the
     * checkpoint (an output channel).
     */
    Quantized quantized(String name, List<Rows> parts) {
        int columns = parts.get(0).columns();
        int rows = parts.stream().mapToInt(Rows::count).sum();
        WeightFile.Region region = file.reserve((long) rows * columns);
        float[] scales = new float[rows];
        TransposedBytes transposed = new TransposedBytes(file, region, columns, rows);
        int block = Math.max(1, Math.min(256, RUN / columns));
        float[] values = new float[block * columns];
        int row = 0;
        for (Rows part : parts) {
            for (int first = 0; first < part.count(); first += block) {
                int count = Math.min(block, part.count() - first);
                part.read(first, count, values);
                byte[] strip = new byte[count];
                float[] inverse = new float[count];
                for (int i = 0; i < count; i++) {
                    float largest = largest(values, i * columns, columns);
                    scales[row + i] = largest / 127;
                    inverse[i] = largest == 0 ? 0 : 127 / largest;
                }
                for (int k = 0; k < columns; k++) {
                    for (int i = 0; i < count; i++) {
                        strip[i] = (byte) Math.rint(values[i * columns + k] * inverse[i]);
                    }
                    transposed.put(k, row, strip, count);
                }
                row += count;
                progress.advance((long) count * columns);
            }
        }
        Value matrix = graph.external(name, ElementType.INT8, file, region, columns, rows);
        signed.add(shared(name, ElementType.INT8, bundlePath, region, columns, rows));
        return new Quantized(matrix, values(name + ".scale", ElementType.FLOAT, scales, 1, rows));
    }

    /** The same, but {@code [rows, columns]} with scales {@code [rows]}, for gathering some of the rows; always signed. */
    Quantized quantizedRows(String name, Rows matrix) {
        int columns = matrix.columns();
        WeightFile.Region region = file.reserve((long) matrix.count() * columns);
        float[] scales = new float[matrix.count()];
        int block = Math.max(1, RUN / columns);
        float[] values = new float[block * columns];
        ByteBuffer bytes = ByteBuffer.allocateDirect(values.length);
        for (int first = 0; first < matrix.count(); first += block) {
            int count = Math.min(block, matrix.count() - first);
            matrix.read(first, count, values);
            bytes.clear();
            for (int i = 0; i < count; i++) {
                float largest = largest(values, i * columns, columns);
                scales[first + i] = largest / 127;
                float inverse = largest == 0 ? 0 : 127 / largest;
                for (int k = 0; k < columns; k++) {
                    bytes.put((byte) Math.rint(values[i * columns + k] * inverse));
                }
            }
            bytes.flip();
            progress.advance(bytes.remaining());
            file.write(region, (long) first * columns, bytes);
        }
        return new Quantized(graph.external(name, ElementType.INT8, file, region, matrix.count(), columns),
                values(name + ".scale", ElementType.FLOAT, scales, scales.length));
    }

    private static float largest(float[] values, int from, int count) {
        float largest = 0;
        for (int i = from; i < from + count; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        return largest;
    }

    /** An 8-bit matrix and its scales {@code [1, rows]}. */
    record Quantized(Value matrix, Value scales) {
    }

    /** The 8-bit matrices written so far. */
    List<BundleManifest.Weight> signed() {
        return signed;
    }
}
