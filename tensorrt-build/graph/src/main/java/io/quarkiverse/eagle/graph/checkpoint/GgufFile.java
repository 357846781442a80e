package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The GGUF container, versions 2 and 3, little-endian: metadata, then a table of tensors, then their aligned data. Everything
 * that is counted in the file is checked against the file's length before memory is taken for it.
 */
final class GgufFile implements Closeable {

    private static final int MAGIC = 0x46554747;
    private static final String ALIGNMENT = "general.alignment";
    private static final int MOST_DIMENSIONS = 4;
    private static final int LONGEST_STRING = 1 << 28;

    /**
     * A tensor as the file describes it.
     *
     * @param dimensions innermost first
     * @param offset bytes after the start of the data
     */
    record Tensor(String name, int type, long[] dimensions, long offset) {

        List<Long> shape() {
            List<Long> shape = new ArrayList<>();
            for (int i = dimensions.length - 1; i >= 0; i--) {
                shape.add(dimensions[i]);
            }
            return shape;
        }
    }

    private final WeightFile file;
    private final GgufMetadata metadata;
    private final List<Tensor> tensors;
    private final long dataStart;

    private GgufFile(WeightFile file, GgufMetadata metadata, List<Tensor> tensors, long dataStart) {
        this.file = file;
        this.metadata = metadata;
        this.tensors = tensors;
        this.dataStart = dataStart;
    }

    static GgufFile open(Path path) {
        WeightFile file = WeightFile.open(path);
        try {
            return new Header(file).parse();
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    GgufMetadata metadata() {
        return metadata;
    }

    List<Tensor> tensors() {
        return tensors;
    }

    WeightFile file() {
        return file;
    }

    /** First byte of a tensor's data, after checking that the file holds all of it. */
    long position(Tensor tensor, BlockFormat format) {
        long bytes;
        long end;
        try {
            long elements = 1;
            for (long dimension : tensor.dimensions()) {
                elements = Math.multiplyExact(elements, dimension);
            }
            bytes = format.bytesFor(elements);
            end = Math.addExact(Math.addExact(dataStart, tensor.offset()), bytes);
        } catch (ArithmeticException | IllegalArgumentException e) {
            throw new CheckpointException(file + ": tensor " + tensor.name() + " has an impossible shape "
                    + tensor.shape() + " for type " + format.name(), e);
        }
        if (end > file.size()) {
            throw file.truncated("tensor " + tensor.name(), end);
        }
        return end - bytes;
    }

    @Override
    public void close() {
        file.close();
    }

    /** Walks through the part before the data. */
    private static final class Header {

        private final WeightFile file;
        private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN).limit(0);
        private long next;

        Header(WeightFile file) {
            this.file = file;
        }

        GgufFile parse() {
            if (int32() != MAGIC) {
                throw new CheckpointException(file + " is not a GGUF file: it does not begin with the letters GGUF");
            }
            int version = int32();
            if (Integer.reverseBytes(version) > 0 && Integer.reverseBytes(version) < 1 << 16) {
                throw new CheckpointException(file + " is a big-endian GGUF file; convert it to little-endian");
            }
            if (version != 2 && version != 3) {
                throw new CheckpointException(file + " has GGUF version " + version + "; versions 2 and 3 can be read");
            }
            long tensorCount = count("tensors", 1 + 8 + 4 + 4 + 8);
            long entries = count("metadata entries", 8 + 4 + 1);
            GgufMetadata metadata = new GgufMetadata(file.toString());
            for (long i = 0; i < entries; i++) {
                String key = string();
                metadata.put(key, value(int32(), key));
            }
            List<Tensor> tensors = new ArrayList<>();
            for (long i = 0; i < tensorCount; i++) {
                tensors.add(tensor());
            }
            long alignment = metadata.integer(ALIGNMENT, 32);
            if (alignment <= 0) {
                throw new CheckpointException(file + ": " + ALIGNMENT + " is " + alignment + "; expected more than 0");
            }
            long end = position();
            return new GgufFile(file, metadata, List.copyOf(tensors), (end + alignment - 1) / alignment * alignment);
        }

        private Tensor tensor() {
            String name = string();
            int dimensionCount = int32();
            if (dimensionCount < 1 || dimensionCount > MOST_DIMENSIONS) {
                throw new CheckpointException(file + ": tensor " + name + " has " + dimensionCount
                        + " dimensions; expected 1 to " + MOST_DIMENSIONS);
            }
            long[] dimensions = new long[dimensionCount];
            for (int i = 0; i < dimensionCount; i++) {
                dimensions[i] = int64();
                if (dimensions[i] <= 0) {
                    throw new CheckpointException(file + ": tensor " + name + " has a dimension of " + dimensions[i]);
                }
            }
            int type = int32();
            long offset = int64();
            if (offset < 0) {
                throw new CheckpointException(file + ": tensor " + name + " lies at offset " + offset);
            }
            return new Tensor(name, type, dimensions, offset);
        }

        private Object value(int type, String key) {
            return switch (type) {
                case 0 -> (long) (int8() & 0xff);
                case 1 -> (long) int8();
                case 2 -> (long) (int16() & 0xffff);
                case 3 -> (long) int16();
                case 4 -> int32() & 0xffff_ffffL;
                case 5 -> (long) int32();
                case 6 -> Float.intBitsToFloat(int32());
                case 7 -> int8() != 0;
                case 8 -> string();
                case 9 -> array(key);
                case 10, 11 -> int64();
                case 12 -> Double.longBitsToDouble(int64());
                default -> throw new CheckpointException(file + ": metadata " + key + " has the unknown type " + type);
            };
        }

        private List<Object> array(String key) {
            int type = int32();
            if (type == 9) {
                throw new CheckpointException(file + ": metadata " + key + " is a list of lists");
            }
            long length = count("elements of " + key, 1);
            List<Object> values = new ArrayList<>();
            for (long i = 0; i < length; i++) {
                values.add(value(type, key));
            }
            return values;
        }

        private String string() {
            long length = count("bytes of a string", 1);
            if (length > LONGEST_STRING) {
                throw new CheckpointException(file + " is damaged: it announces a string of " + length + " bytes");
            }
            byte[] bytes = new byte[(int) length];
            if (bytes.length <= buffer.capacity()) {
                need(bytes.length);
                buffer.get(bytes);
            } else {
                file.read(position(), ByteBuffer.wrap(bytes), "the metadata");
                next = position() + bytes.length;
                buffer.limit(0);
            }
            return new String(bytes, StandardCharsets.UTF_8);
        }

        /** A count of things of at least so many bytes, which must fit into the rest of the file. */
        private long count(String what, int leastBytes) {
            long count = int64();
            if (count < 0 || count > (file.size() - position()) / leastBytes) {
                throw new CheckpointException(file + " is damaged or truncated: it announces "
                        + Long.toUnsignedString(count) + " " + what + ", more than the rest of the file can hold");
            }
            return count;
        }

        private byte int8() {
            need(1);
            return buffer.get();
        }

        private short int16() {
            need(2);
            return buffer.getShort();
        }

        private int int32() {
            need(4);
            return buffer.getInt();
        }

        private long int64() {
            need(8);
            return buffer.getLong();
        }

        private long position() {
            return next - buffer.remaining();
        }

        private void need(int bytes) {
            if (buffer.remaining() >= bytes) {
                return;
            }
            buffer.compact();
            int kept = buffer.position();
            long available = Math.min(buffer.remaining(), file.size() - next);
            if (kept + available < bytes) {
                throw file.truncated("the header", next - kept + bytes);
            }
            buffer.limit(kept + (int) available);
            file.read(next, buffer, "the header");
            next += available;
            buffer.flip();
        }
    }
}
