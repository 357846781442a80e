package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.util.Map;

/**
 * The weights of a model, under Hugging Face names ({@code model.layers.0.self_attn.q_proj.weight}) and in Hugging Face row
 * order, whatever file they come from. Not thread-safe.
 */
public interface Checkpoint extends Closeable {

    /** Where the weights come from, for messages. */
    String source();

    /** All tensors by name, in the order of the file. */
    Map<String, TensorInfo> tensors();

    /**
     * Reads a run of elements of a tensor as float32, decoding its stored type.
     *
     * @param name tensor name
     * @param firstElement first element in row-major order
     * @param into receives the values
     * @param offset where in {@code into}
     * @param count how many
     * @throws CheckpointException when the tensor is missing, the run lies outside of it, or the file is truncated
     */
    void read(String name, long firstElement, float[] into, int offset, int count);

    /**
     * Reads a whole tensor of integers.
     *
     * @param name tensor name
     * @throws CheckpointException when the tensor is missing, is stored as something else, or the file is truncated
     */
    default long[] readIntegers(String name) {
        throw new CheckpointException(source() + ": tensor " + name + " has type " + tensor(name).type()
                + ", which cannot be read as integers");
    }

    /**
     * Fills a buffer with a tensor's bytes as they are stored, row-major and little-endian.
     *
     * @param name tensor name
     * @param firstByte first byte of the tensor to read
     * @throws CheckpointException when the tensor is missing, the run lies outside of it, or the file is truncated
     */
    default void readStored(String name, long firstByte, ByteBuffer into) {
        throw new CheckpointException(source() + ": tensor " + name + " has type " + tensor(name).type()
                + ", which cannot be read as it is stored");
    }

    /** The quantised form of a matrix, null when it has none. */
    default QuantizedMatrix quantized(String name) {
        return null;
    }

    /** The tensor's description. */
    default TensorInfo tensor(String name) {
        TensorInfo info = tensors().get(name);
        if (info == null) {
            throw new CheckpointException(source() + " has no tensor " + name);
        }
        return info;
    }
}
