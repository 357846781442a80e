package io.quarkiverse.eagle.graph.onnx;

/** Element types of ONNX tensors, with their numbers in the format. */
public enum ElementType {

    FLOAT(1, 4, "float32"),
    UINT8(2, 1, "uint8"),
    INT8(3, 1, "int8"),
    INT32(6, 4, "int32"),
    INT64(7, 8, "int64"),
    BOOL(9, 1, "bool"),
    FLOAT16(10, 2, "float16"),
    BFLOAT16(16, 2, "bfloat16"),
    FLOAT8E4M3FN(17, 1, "float8e4m3fn"),
    /** Two elements in a byte, the first one in its lower half. */
    INT4(22, 0, "int4");

    private final int number;
    private final int bytes;
    private final String text;

    ElementType(int number, int bytes, String text) {
        this.number = number;
        this.bytes = bytes;
        this.text = text;
    }

    /** The type's number in ONNX files. */
    public int number() {
        return number;
    }

    /** Bytes of one element; elements that share a byte have none. */
    public int bytes() {
        if (bytes == 0) {
            throw new IllegalStateException("elements of " + text + " share bytes");
        }
        return bytes;
    }

    /** The name that manifests use. */
    public String text() {
        return text;
    }
}
