package io.quarkiverse.eagle.graph.onnx;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of external tensor data, written front to back. Tensors begin on page boundaries so that a runtime can map them.
 * Nothing is held in the heap but what is being written.
 */
public final class WeightFile implements Closeable {

    private static final int ALIGNMENT = 4096;

    private final FileChannel channel;
    private final String location;
    private long end;

    /**
     * @param file created, or emptied
     * @param location the file's path as graphs name it, relative to their own folder
     */
    public WeightFile(Path file, String location) throws IOException {
        this.channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ, StandardOpenOption.WRITE);
        this.location = location;
    }

    String location() {
        return location;
    }

    /** Where a tensor lies. */
    public record Region(long offset, long length) {
    }

    /** Reserves room for a tensor at the file's end. */
    public Region reserve(long bytes) {
        long offset = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        end = offset + bytes;
        return new Region(offset, bytes);
    }

    /** Writes a run of bytes into a region. */
    public void write(Region region, long position, ByteBuffer bytes) {
        if (position + bytes.remaining() > region.length()) {
            throw new IllegalArgumentException(
                    "run of " + bytes.remaining() + " bytes at " + position + " leaves a region of " + region.length());
        }
        long at = region.offset() + position;
        try {
            while (bytes.hasRemaining()) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("writing weights failed: " + e.getMessage(), e);
        }
    }

    /** Maps part of a region for scattered writes. */
    public MappedByteBuffer map(Region region, long position, long bytes) {
        try {
            MappedByteBuffer map = channel.map(FileChannel.MapMode.READ_WRITE, region.offset() + position, bytes);
            map.order(ByteOrder.LITTLE_ENDIAN);
            return map;
        } catch (IOException e) {
            throw new UncheckedIOException("writing weights failed: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            if (channel.size() < end) {
                channel.write(ByteBuffer.allocate(1), end - 1);
            }
        }
    }
}
