package io.quarkiverse.eagle.graph.checkpoint;

/** A weight matrix {@code [rows, columns]} in the quantised form that its checkpoint has it in. Not thread-safe. */
public sealed interface QuantizedMatrix permits Int4Matrix, Float8Matrix {

    /** Output channels. */
    int rows();

    /** Input channels. */
    int columns();

    /**
     * Reads a run of elements in row-major order as float32, with their scales applied.
     *
     * @param first first element
     * @param into receives the values
     * @param offset where in {@code into}
     * @param count how many
     */
    void read(long first, float[] into, int offset, int count);

    /** What the checkpoint's type is called in messages. */
    String type();
}
