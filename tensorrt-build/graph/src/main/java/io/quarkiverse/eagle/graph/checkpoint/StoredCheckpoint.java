package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Reads tensors from files through one small buffer, whichever format has told where they lie. */
final class StoredCheckpoint implements Checkpoint {

    private static final int BUFFER_BYTES = 1 << 18;

    private final String source;
    private final Map<String, StoredTensor> stored = new LinkedHashMap<>();
    private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
    private final List<WeightFile> files;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** @param files closed with this checkpoint */
    StoredCheckpoint(String source, Collection<StoredTensor> tensors, List<WeightFile> files) {
        this.source = source;
        this.files = List.copyOf(files);
        for (StoredTensor tensor : tensors) {
            stored.put(tensor.info().name(), tensor);
            infos.put(tensor.info().name(), tensor.info());
        }
    }

    @Override
    public String source() {
        return source;
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(infos);
    }

    @Override
    public void read(String name, long firstElement, float[] into, int offset, int count) {
        TensorInfo info = tensor(name);
        StoredTensor tensor = stored.get(name);
        if (tensor.format() == null) {
            throw new CheckpointException(source + ": tensor " + name + " has type " + info.type()
                    + ", which cannot be read as numbers; expected F32, F16 or BF16");
        }
        Objects.checkFromIndexSize(offset, count, into.length);
        if (firstElement < 0 || firstElement > info.elements() - count) {
            throw new CheckpointException(source + ": elements " + firstElement + " to " + (firstElement + count)
                    + " lie outside of tensor " + name + " " + info.shapeText());
        }
        while (count > 0) {
            int run = (int) Math.min(count, tensor.order().run(firstElement));
            readStored(tensor, tensor.order().stored(firstElement), into, offset, run);
            firstElement += run;
            offset += run;
            count -= run;
        }
    }

    private void readStored(StoredTensor tensor, long first, float[] into, int offset, int count) {
        BlockFormat format = tensor.format();
        int perBlock = format.elements();
        int capacity = buffer.capacity() / format.bytes();
        while (count > 0) {
            long block = first / perBlock;
            int skip = (int) (first % perBlock);
            int blocks = (int) Math.min(capacity, ((long) skip + count + perBlock - 1) / perBlock);
            buffer.clear().limit(blocks * format.bytes());
            tensor.file().read(tensor.position() + block * format.bytes(), buffer, "tensor " + tensor.info().name());
            int decoded = (int) Math.min(count, (long) blocks * perBlock - skip);
            if (skip == 0 && decoded % perBlock == 0) {
                format.decode(buffer, 0, blocks, into, offset);
            } else {
                float[] whole = new float[blocks * perBlock];
                format.decode(buffer, 0, blocks, whole, 0);
                System.arraycopy(whole, skip, into, offset, decoded);
            }
            first += decoded;
            offset += decoded;
            count -= decoded;
        }
    }

    @Override
    public long[] readIntegers(String name) {
        TensorInfo info = tensor(name);
        StoredTensor tensor = stored.get(name);
        int bytes = switch (info.type()) {
            case "I64", "LongStorage" -> Long.BYTES;
            case "I32", "IntStorage" -> Integer.BYTES;
            default -> throw new CheckpointException(source + ": tensor " + name + " has type " + info.type()
                    + ", which cannot be read as integers; expected I64 or I32");
        };
        long[] values = new long[Math.toIntExact(info.elements())];
        for (int first = 0; first < values.length;) {
            int run = (int) Math.min(Math.min(values.length - first, buffer.capacity() / bytes), tensor.order().run(first));
            buffer.clear().limit(run * bytes);
            tensor.file().read(tensor.position() + tensor.order().stored(first) * bytes, buffer, "tensor " + name);
            for (int i = 0; i < run; i++) {
                values[first + i] = bytes == Long.BYTES ? buffer.getLong(i * bytes) : buffer.getInt(i * bytes);
            }
            first += run;
        }
        return values;
    }

    @Override
    public void readStored(String name, long firstByte, ByteBuffer into) {
        TensorInfo info = tensor(name);
        StoredTensor tensor = stored.get(name);
        int width = switch (info.type()) {
            case "I32" -> Integer.BYTES;
            case "F8_E4M3" -> 1;
            default -> throw new CheckpointException(source + ": tensor " + name + " has type " + info.type()
                    + "; expected I32 or F8_E4M3");
        };
        if (firstByte < 0 || firstByte > info.elements() * width - into.remaining()) {
            throw new CheckpointException(source + ": bytes " + firstByte + " to " + (firstByte + into.remaining())
                    + " lie outside of tensor " + name + " " + info.shapeText());
        }
        tensor.file().read(tensor.position() + firstByte, into, "tensor " + name);
    }

    @Override
    public void close() {
        files.forEach(WeightFile::close);
    }
}
