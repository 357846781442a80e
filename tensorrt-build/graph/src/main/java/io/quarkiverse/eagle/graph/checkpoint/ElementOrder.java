package io.quarkiverse.eagle.graph.checkpoint;

/** Where a file keeps the elements of a tensor, when that is not simply one after the other. */
sealed interface ElementOrder {

    /** Index, among the stored elements, of an element of the tensor in row-major order. */
    long stored(long element);

    /** How many elements, this one included, follow each other in the file too. */
    long run(long element);

    /** One after the other. */
    record RowMajor() implements ElementOrder {

        @Override
        public long stored(long element) {
            return element;
        }

        @Override
        public long run(long element) {
            return Long.MAX_VALUE;
        }
    }

    /**
     * The query and key rows of a GGUF file of the llama architecture. Its rotary embedding turns neighbouring rows of a head
     * (2i, 2i+1); Hugging Face's turns row i of the head's first half with row i of its second half.
     *
     * @param headDim rows per head
     * @param columns elements per row
     */
    record RotaryPairs(int headDim, long columns) implements ElementOrder {

        @Override
        public long stored(long element) {
            long row = element / columns;
            long inHead = row % headDim;
            int half = headDim / 2;
            long pair = inHead % half;
            long second = inHead / half;
            return (row - inHead + 2 * pair + second) * columns + element % columns;
        }

        @Override
        public long run(long element) {
            return columns - element % columns;
        }
    }

    /**
     * A view into a larger storage whose rows are whole but lie apart.
     *
     * @param shape outermost first
     * @param strides elements between neighbours of each dimension; the last one is 1
     */
    record Strided(long[] shape, long[] strides) implements ElementOrder {

        @Override
        public long stored(long element) {
            long index = 0;
            for (int dimension = shape.length - 1; dimension >= 0; dimension--) {
                index += element % shape[dimension] * strides[dimension];
                element /= shape[dimension];
            }
            return index;
        }

        @Override
        public long run(long element) {
            long columns = shape[shape.length - 1];
            return columns - element % columns;
        }
    }
}
