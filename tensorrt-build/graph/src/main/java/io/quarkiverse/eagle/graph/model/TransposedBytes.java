package io.quarkiverse.eagle.graph.model;

import java.nio.MappedByteBuffer;

import io.quarkiverse.eagle.graph.onnx.WeightFile;

/** Writes a byte matrix column strip by column strip, through memory maps of whole rows. */
final class TransposedBytes {

    private static final long MAP_BYTES = 1L << 30;

    private final MappedByteBuffer[] maps;
    private final int rowsPerMap;
    private final int columns;

    TransposedBytes(WeightFile file, WeightFile.Region region, int rows, int columns) {
        this.columns = columns;
        this.rowsPerMap = (int) Math.max(1, Math.min(rows, MAP_BYTES / columns));
        this.maps = new MappedByteBuffer[(rows + rowsPerMap - 1) / rowsPerMap];
        for (int i = 0; i < maps.length; i++) {
            long first = (long) i * rowsPerMap;
            long count = Math.min(rowsPerMap, rows - first);
            maps[i] = file.map(region, first * columns, count * columns);
        }
    }

    /** Puts {@code count} bytes into a row, beginning at a column. */
    void put(int row, int column, byte[] strip, int count) {
        maps[row / rowsPerMap].put(row % rowsPerMap * columns + column, strip, 0, count);
    }
}
