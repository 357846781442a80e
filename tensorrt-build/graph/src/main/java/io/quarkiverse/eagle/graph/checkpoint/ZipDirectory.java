package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The central directory of a zip archive (APPNOTE 4.3, with the zip64 fields), to read uncompressed entries by position
 * within the archive itself.
 */
final class ZipDirectory {

    private static final int END = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int ZIP64_LOCATOR = 0x07064b50;
    private static final int ZIP64_LOCATOR_BYTES = 20;
    private static final int ZIP64_END = 0x06064b50;
    private static final int ZIP64_END_BYTES = 56;
    private static final int CENTRAL = 0x02014b50;
    private static final int CENTRAL_BYTES = 46;
    private static final int LOCAL = 0x04034b50;
    private static final int LOCAL_BYTES = 30;
    private static final int LONGEST_COMMENT = 0xffff;
    private static final int MOST_DIRECTORY_BYTES = 1 << 28;
    private static final int ZIP64_FIELD = 1;
    private static final long IN_ZIP64_FIELD = 0xffff_ffffL;
    private static final String DIRECTORY = "the archive's directory";

    /**
     * An entry.
     *
     * @param header first byte of its local header
     * @param size uncompressed bytes
     */
    record Entry(String name, boolean stored, long header, long size) {
    }

    private final WeightFile file;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    private ZipDirectory(WeightFile file) {
        this.file = file;
    }

    static ZipDirectory read(WeightFile file) {
        ZipDirectory directory = new ZipDirectory(file);
        directory.readCentral();
        return directory;
    }

    Map<String, Entry> entries() {
        return entries;
    }

    /** First byte of an entry's data, after checking that the file holds all of it uncompressed. */
    long position(Entry entry, String what) {
        if (!entry.stored()) {
            throw new CheckpointException(file + ": " + what + " is compressed (" + entry.name()
                    + "); save the checkpoint again with torch.save, which does not compress");
        }
        ByteBuffer local = buffer(entry.header(), LOCAL_BYTES, what);
        if (local.getInt(0) != LOCAL) {
            throw damaged();
        }
        long start = entry.header() + LOCAL_BYTES + unsigned(local, 26) + unsigned(local, 28);
        if (start + entry.size() > file.size()) {
            throw file.truncated(what, start + entry.size());
        }
        return start;
    }

    private void readCentral() {
        long endPosition = findEnd();
        ByteBuffer end = buffer(endPosition, END_BYTES, DIRECTORY);
        long bytes = end.getInt(12) & IN_ZIP64_FIELD;
        long start = end.getInt(16) & IN_ZIP64_FIELD;
        long locator = endPosition - ZIP64_LOCATOR_BYTES;
        if (locator >= 0 && buffer(locator, ZIP64_LOCATOR_BYTES, DIRECTORY).getInt(0) == ZIP64_LOCATOR) {
            long zip64 = buffer(locator, ZIP64_LOCATOR_BYTES, DIRECTORY).getLong(8);
            ByteBuffer zip64End = buffer(zip64, ZIP64_END_BYTES, DIRECTORY);
            if (zip64End.getInt(0) != ZIP64_END) {
                throw damaged();
            }
            bytes = zip64End.getLong(40);
            start = zip64End.getLong(48);
        }
        if (bytes < 0 || bytes > MOST_DIRECTORY_BYTES) {
            throw damaged();
        }
        ByteBuffer central = buffer(start, (int) bytes, DIRECTORY);
        while (central.remaining() >= CENTRAL_BYTES && central.getInt(central.position()) == CENTRAL) {
            readEntry(central);
        }
    }

    private void readEntry(ByteBuffer central) {
        int at = central.position();
        int nameBytes = unsigned(central, at + 28);
        int extraBytes = unsigned(central, at + 30);
        int next = at + CENTRAL_BYTES + nameBytes + extraBytes + unsigned(central, at + 32);
        if (next > central.limit()) {
            throw damaged();
        }
        long packed = central.getInt(at + 20) & IN_ZIP64_FIELD;
        long size = central.getInt(at + 24) & IN_ZIP64_FIELD;
        long header = central.getInt(at + 42) & IN_ZIP64_FIELD;
        byte[] name = new byte[nameBytes];
        central.get(at + CENTRAL_BYTES, name);
        ByteBuffer wide = zip64Field(central, at + CENTRAL_BYTES + nameBytes, extraBytes);
        size = size == IN_ZIP64_FIELD && wide.remaining() >= 8 ? wide.getLong() : size;
        if (packed == IN_ZIP64_FIELD && wide.remaining() >= 8) {
            wide.getLong();
        }
        header = header == IN_ZIP64_FIELD && wide.remaining() >= 8 ? wide.getLong() : header;
        if (size < 0 || header < 0 || size > file.size() && central.getShort(at + 10) == 0) {
            throw damaged();
        }
        String text = new String(name, StandardCharsets.UTF_8);
        entries.put(text, new Entry(text, central.getShort(at + 10) == 0, header, size));
        central.position(next);
    }

    private ByteBuffer zip64Field(ByteBuffer central, int start, int length) {
        int at = start;
        while (at + 4 <= start + length) {
            int fieldBytes = unsigned(central, at + 2);
            if (at + 4 + fieldBytes > start + length) {
                throw damaged();
            }
            if (unsigned(central, at) == ZIP64_FIELD) {
                return central.slice(at + 4, fieldBytes).order(ByteOrder.LITTLE_ENDIAN);
            }
            at += 4 + fieldBytes;
        }
        return ByteBuffer.allocate(0);
    }

    private long findEnd() {
        int length = (int) Math.min(file.size(), END_BYTES + LONGEST_COMMENT);
        long start = file.size() - length;
        ByteBuffer tail = buffer(start, length, DIRECTORY);
        for (int at = length - END_BYTES; at >= 0; at--) {
            if (tail.getInt(at) == END) {
                return start + at;
            }
        }
        throw new CheckpointException(file + " is truncated or no zip archive: it does not end with an archive's directory"
                + "; download or copy it again");
    }

    private ByteBuffer buffer(long position, int bytes, String what) {
        if (position < 0 || position > file.size() - bytes) {
            throw file.truncated(what, position + bytes);
        }
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        file.read(position, buffer, what);
        return buffer.flip();
    }

    private static int unsigned(ByteBuffer buffer, int at) {
        return buffer.getShort(at) & 0xffff;
    }

    private CheckpointException damaged() {
        return new CheckpointException(file + " is damaged: its archive directory contradicts itself");
    }
}
