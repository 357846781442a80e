package io.quarkiverse.eagle.graph.checkpoint;

/**
 * A tensor and where it lies.
 *
 * @param info name, stored type and shape
 * @param format how its elements are stored, null when this reader cannot decode the type
 * @param file holds it
 * @param position first byte in the file
 * @param order where its elements lie from there on
 */
record StoredTensor(TensorInfo info, BlockFormat format, WeightFile file, long position, ElementOrder order) {

    StoredTensor(TensorInfo info, BlockFormat format, WeightFile file, long position) {
        this(info, format, file, position, new ElementOrder.RowMajor());
    }
}
