package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import io.quarkiverse.eagle.graph.checkpoint.StateDictPickle.Storage;
import io.quarkiverse.eagle.graph.checkpoint.StateDictPickle.Tensor;

/**
 * PyTorch's own format since 1.6, {@code pytorch_model.bin}: an uncompressed zip archive with a pickled table of tensors and
 * one entry per storage. The pickle is interpreted by {@link StateDictPickle} and never run.
 */
public final class TorchCheckpoint {

    private static final String PICKLE = "data.pkl";
    private static final int LONGEST_PICKLE = 1 << 28;

    private final WeightFile file;
    private final ZipDirectory archive;
    private final String prefix;

    private TorchCheckpoint(WeightFile file, ZipDirectory archive, String prefix) {
        this.file = file;
        this.archive = archive;
        this.prefix = prefix;
    }

    /**
     * Opens a file, or all shards of a {@code pytorch_model.bin.index.json}.
     *
     * @throws CheckpointException when a file is truncated, of an older format, or holds anything but tensors
     */
    public static Checkpoint open(Path path) {
        return new Shards(TorchCheckpoint::read).open(path);
    }

    private static List<StoredTensor> read(WeightFile file) {
        if (file.size() >= 2) {
            ByteBuffer start = ByteBuffer.allocate(2);
            file.read(0, start, "the first bytes");
            if (start.getShort(0) != 0x504b) {
                throw new CheckpointException(file + " is not a zip archive: PyTorch writes those since 1.6"
                        + "; load it there and save it again, or convert it to safetensors");
            }
        }
        ZipDirectory archive = ZipDirectory.read(file);
        String pickle = archive.entries().keySet().stream()
                .filter(name -> name.equals(PICKLE) || name.endsWith("/" + PICKLE))
                .findFirst()
                .orElseThrow(() -> new CheckpointException(file + " has no " + PICKLE + "; it is not a PyTorch checkpoint"));
        String prefix = pickle.substring(0, pickle.length() - PICKLE.length());
        return new TorchCheckpoint(file, archive, prefix).tensors(archive.entries().get(pickle));
    }

    private List<StoredTensor> tensors(ZipDirectory.Entry pickle) {
        if (archive.entries().containsKey(prefix + "byteorder")
                && !bytes(archive.entries().get(prefix + "byteorder")).equals(ByteBuffer.wrap("little".getBytes()))) {
            throw new CheckpointException(file + " was saved on a big-endian machine; convert it to safetensors");
        }
        List<StoredTensor> tensors = new ArrayList<>();
        Map<String, Tensor> described = StateDictPickle.read(file.toString(), bytes(pickle));
        described.forEach((name, tensor) -> tensors.add(place(name, tensor)));
        return tensors;
    }

    private ByteBuffer bytes(ZipDirectory.Entry entry) {
        long position = archive.position(entry, entry.name());
        if (entry.size() > LONGEST_PICKLE) {
            throw new CheckpointException(file + ": " + entry.name() + " takes " + entry.size()
                    + " bytes, far more than a table of tensors");
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) entry.size());
        file.read(position, bytes, entry.name());
        return bytes.flip();
    }

    private StoredTensor place(String name, Tensor tensor) {
        Storage storage = tensor.storage();
        TensorInfo info = new TensorInfo(name,
                storage.type().format == null ? storage.type().name() : storage.type().format.name(),
                Arrays.stream(tensor.shape()).boxed().toList());
        requireInside(info, tensor);
        ZipDirectory.Entry entry = archive.entries().get(prefix + "data/" + storage.key());
        if (entry == null) {
            throw new CheckpointException(file + ": the data of tensor " + name + " (" + prefix + "data/"
                    + storage.key() + ") is missing from the archive");
        }
        if (entry.size() / storage.type().bytes < storage.elements()) {
            throw new CheckpointException(file + ": the data of tensor " + name + " takes " + entry.size()
                    + " bytes; expected " + storage.elements() + " elements of " + storage.type().bytes);
        }
        long position = archive.position(entry, "tensor " + name) + tensor.offset() * storage.type().bytes;
        return new StoredTensor(info, storage.type().format, file, position, order(info, tensor));
    }

    private void requireInside(TensorInfo info, Tensor tensor) {
        long[] shape = tensor.shape();
        long[] strides = tensor.strides();
        boolean inside = strides.length == shape.length && tensor.offset() >= 0;
        try {
            long last = tensor.offset();
            for (int i = 0; inside && i < shape.length; i++) {
                inside = shape[i] >= 0 && strides[i] >= 0;
                last = Math.addExact(last, Math.multiplyExact(Math.max(0, shape[i] - 1), strides[i]));
            }
            inside = inside && (info.elements() == 0 || last < tensor.storage().elements());
        } catch (ArithmeticException e) {
            inside = false;
        }
        if (!inside) {
            throw new CheckpointException(file + ": tensor " + info.name() + " " + info.shapeText() + " at "
                    + tensor.offset() + " with strides " + Arrays.toString(strides)
                    + " lies outside of its storage of " + tensor.storage().elements() + " elements");
        }
    }

    private ElementOrder order(TensorInfo info, Tensor tensor) {
        long[] shape = tensor.shape();
        long rowMajor = 1;
        boolean contiguous = true;
        for (int i = shape.length - 1; i >= 0; i--) {
            contiguous &= shape[i] <= 1 || tensor.strides()[i] == rowMajor;
            rowMajor *= shape[i];
        }
        if (contiguous || info.elements() == 0) {
            return new ElementOrder.RowMajor();
        }
        int innermost = shape.length - 1;
        if (shape[innermost] > 1 && tensor.strides()[innermost] != 1) {
            throw new CheckpointException(file + ": tensor " + info.name() + " " + info.shapeText()
                    + " is stored transposed, with strides " + Arrays.toString(tensor.strides())
                    + "; save it again after .contiguous()");
        }
        return new ElementOrder.Strided(shape, tensor.strides());
    }
}
