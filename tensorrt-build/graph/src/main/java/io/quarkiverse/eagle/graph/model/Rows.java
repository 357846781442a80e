package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedMatrix;
import io.quarkiverse.eagle.graph.checkpoint.TensorInfo;

/** The rows of a weight matrix, read a few at a time. */
interface Rows {

    int count();

    int columns();

    /** Reads rows, in order, into {@code [howMany, columns]}. */
    void read(int first, int howMany, float[] into);

    /** The matrix in the checkpoint's own quantised form, null when it has none or these are not its rows as they are. */
    default QuantizedMatrix quantized() {
        return null;
    }

    /** All rows of a tensor, whose shape is checked. */
    static Rows of(Checkpoint checkpoint, String tensor, int count, int columns) {
        TensorInfo info = checkpoint.tensor(tensor);
        if (!info.hasShape(count, columns)) {
            throw new CheckpointException("tensor " + tensor + " of " + checkpoint.source() + " has shape " + info.shapeText()
                    + ", expected [" + count + ", " + columns + "]");
        }
        return new Rows() {
            @Override
            public int count() {
                return count;
            }

            @Override
            public int columns() {
                return columns;
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                checkpoint.read(tensor, (long) first * columns, into, 0, howMany * columns);
            }

            @Override
            public QuantizedMatrix quantized() {
                return checkpoint.quantized(tensor);
            }
        };
    }

    /** Some of the rows, by number. */
    default Rows picked(int[] numbers) {
        Rows all = this;
        return new Rows() {
            private final float[] one = new float[all.columns()];

            @Override
            public int count() {
                return numbers.length;
            }

            @Override
            public int columns() {
                return all.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                for (int i = 0; i < howMany; i++) {
                    all.read(numbers[first + i], 1, one);
                    System.arraycopy(one, 0, into, i * one.length, one.length);
                }
            }
        };
    }

    /** The same rows, but only so many of their columns. */
    default Rows part(int firstColumn, int width) {
        Rows whole = this;
        return new Rows() {
            private final float[] one = new float[whole.columns()];

            @Override
            public int count() {
                return whole.count();
            }

            @Override
            public int columns() {
                return width;
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                for (int i = 0; i < howMany; i++) {
                    whole.read(first + i, 1, one);
                    System.arraycopy(one, firstColumn, into, i * width, width);
                }
            }
        };
    }

    /** The same rows with the columns of others behind their own. */
    default Rows beside(Rows others) {
        Rows left = this;
        return new Rows() {
            private final float[] one = new float[Math.max(left.columns(), others.columns())];

            @Override
            public int count() {
                return left.count();
            }

            @Override
            public int columns() {
                return left.columns() + others.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                for (int i = 0; i < howMany; i++) {
                    left.read(first + i, 1, one);
                    System.arraycopy(one, 0, into, i * columns(), left.columns());
                    others.read(first + i, 1, one);
                    System.arraycopy(one, 0, into, i * columns() + left.columns(), others.columns());
                }
            }
        };
    }

    /** The same rows with each output and each input channel multiplied; null for ones. */
    default Rows scaled(float[] outputs, float[] inputs) {
        return changed((row, column, value) -> {
            float output = outputs == null ? 1 : outputs[row];
            return value * (inputs == null ? output : output * inputs[column]);
        });
    }

    /** Their mean, where each row counts as much as its weight. */
    default float[] mean(double[] weights) {
        double[] sum = new double[columns()];
        double total = 0;
        float[] row = new float[columns()];
        for (int i = 0; i < count(); i++) {
            read(i, 1, row);
            total += weights[i];
            for (int k = 0; k < row.length; k++) {
                sum[k] += weights[i] * row[k];
            }
        }
        for (int k = 0; k < row.length; k++) {
            row[k] = (float) (sum[k] / total);
        }
        return row;
    }

    /** The same rows with a vector taken from each. */
    default Rows less(float[] vector) {
        return changed((row, column, value) -> value - vector[column]);
    }

    /** What becomes of a weight. */
    @FunctionalInterface
    interface Change {

        float apply(int row, int column, float value);
    }

    private Rows changed(Change change) {
        Rows plain = this;
        return new Rows() {
            @Override
            public int count() {
                return plain.count();
            }

            @Override
            public int columns() {
                return plain.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                plain.read(first, howMany, into);
                for (int i = 0; i < howMany; i++) {
                    for (int k = 0; k < columns(); k++) {
                        into[i * columns() + k] = change.apply(first + i, k, into[i * columns() + k]);
                    }
                }
            }
        };
    }

    /** The Euclidean norm of each row. */
    default double[] norms() {
        double[] norms = new double[count()];
        float[] row = new float[columns()];
        for (int i = 0; i < norms.length; i++) {
            read(i, 1, row);
            double sum = 0;
            for (float value : row) {
                sum += (double) value * value;
            }
            norms[i] = Math.sqrt(sum);
        }
        return norms;
    }

    /** The same rows for inputs in another basis, with the gain of the norm before them folded in; null for no gain. */
    default Rows reading(BlockHadamard basis, float[] gain) {
        Rows plain = this;
        return new Rows() {
            @Override
            public int count() {
                return plain.count();
            }

            @Override
            public int columns() {
                return plain.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                plain.read(first, howMany, into);
                for (int i = 0; i < howMany; i++) {
                    int offset = i * columns();
                    for (int k = 0; gain != null && k < columns(); k++) {
                        into[offset + k] *= gain[k];
                    }
                    basis.rotateRow(into, offset);
                }
            }
        };
    }

    /** The same rows with their outputs in another basis; read block by block. */
    default Rows writing(BlockHadamard basis) {
        Rows plain = this;
        return new Rows() {
            private final float[] block = new float[basis.block() * plain.columns()];
            private int held = -1;

            @Override
            public int count() {
                return plain.count();
            }

            @Override
            public int columns() {
                return plain.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                for (int i = 0; i < howMany; i++) {
                    int start = (first + i) / basis.block() * basis.block();
                    if (start != held) {
                        plain.read(start, basis.block(), block);
                        basis.rotateRows(block, start, columns());
                        held = start;
                    }
                    System.arraycopy(block, (first + i - start) * columns(), into, i * columns(), columns());
                }
            }
        };
    }
}
