package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file read by position, of any length. */
final class WeightFile implements Closeable {

    private final Path path;
    private final FileChannel channel;
    private final long size;

    private WeightFile(Path path, FileChannel channel, long size) {
        this.path = path;
        this.channel = channel;
        this.size = size;
    }

    static WeightFile open(Path path) {
        if (Files.isDirectory(path)) {
            throw new CheckpointException(path + " is a folder; a file was expected");
        }
        try {
            FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
            return new WeightFile(path, channel, channel.size());
        } catch (NoSuchFileException e) {
            throw new CheckpointException(path + " does not exist", e);
        } catch (IOException e) {
            throw new CheckpointException(path + " cannot be opened: " + e.getMessage(), e);
        }
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /**
     * Fills the buffer from a position on.
     *
     * @param what what is being read, for the message when the file ends before it
     */
    void read(long position, ByteBuffer into, String what) {
        long from = position;
        try {
            while (into.hasRemaining()) {
                int read = channel.read(into, from);
                if (read < 0) {
                    throw truncated(what, position + into.limit());
                }
                from += read;
            }
        } catch (IOException e) {
            throw new CheckpointException(path + ": cannot read " + what + ": " + e.getMessage(), e);
        }
    }

    CheckpointException truncated(String what, long needed) {
        return new CheckpointException(path + " is truncated: " + what + " ends at byte " + needed
                + ", the file at byte " + size + "; download or copy it again");
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
