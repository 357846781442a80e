package io.quarkiverse.eagle.triton.client;

/** Element types of tensors, with their names in the protocol. */
public enum DataType {
    BOOL(1),
    UINT8(1),
    UINT16(2),
    UINT32(4),
    UINT64(8),
    INT8(1),
    INT16(2),
    INT32(4),
    INT64(8),
    FP16(2),
    BF16(2),
    FP32(4),
    FP64(8),
    /** Elements of any length: each is preceded by its length, four bytes, little-endian. */
    BYTES(0);

    private final int size;

    DataType(int size) {
        this.size = size;
    }

    /** Bytes of one element, 0 when elements differ. */
    public int size() {
        return size;
    }

    /** Bytes of a dense tensor. */
    long bytes(long... shape) {
        long count = size;
        for (long dimension : shape) {
            if (dimension < 0) {
                throw new IllegalArgumentException("a dimension is " + dimension + "; it must not be negative");
            }
            count = Math.multiplyExact(count, dimension);
        }
        return count;
    }
}
