package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.ByteBuffer;

/** How a file stores numbers: in blocks of a fixed size that decode on their own. */
interface BlockFormat {

    /** The name that messages use. */
    String name();

    /** Elements per block. */
    int elements();

    /** Bytes per block. */
    int bytes();

    /**
     * Decodes whole blocks.
     *
     * @param in little-endian bytes; its position is neither read nor moved
     * @param position first byte of the first block
     * @param blocks how many
     * @param out receives {@code blocks * elements()} values
     * @param offset where in {@code out}
     */
    void decode(ByteBuffer in, int position, int blocks, float[] out, int offset);

    /** Bytes that so many elements take, which must fill their blocks. */
    default long bytesFor(long elements) {
        if (elements % elements() != 0) {
            throw new IllegalArgumentException(
                    elements + " elements do not fill " + name() + " blocks of " + elements());
        }
        return Math.multiplyExact(elements / elements(), (long) bytes());
    }
}
