package io.quarkiverse.eagle.graph.model;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * The basis that a decoder's residual stream is computed in: the checkpoint's own, or one that 8-bit rows like better. A norm's
 * gain stands in the graph in the first case and in the weights behind it in the second.
 */
sealed interface ResidualBasis {

    /** A matrix that reads the normalised stream. */
    Rows reading(Rows rows, Checkpoint checkpoint, String norm);

    /** A matrix that reads the stream as it is. */
    Rows reading(Rows rows);

    /** A matrix that writes to the stream. */
    Rows writing(Rows rows);

    /** The embedding table, whose rows begin the stream. */
    Rows embedding(Rows rows);

    /** Whether all norms have gain one, so that they give a row times a number. */
    boolean gainIsOne();

    /** What a norm multiplies with. */
    Value gain(Weights weights, ElementType type, Checkpoint checkpoint, String norm, int width);

    /** Normalised rows back in the checkpoint's own basis, with the norm's gain. */
    Value original(OnnxGraph graph, Weights weights, Value normalised, Checkpoint checkpoint, String norm, int width);

    private static float[] vector(Checkpoint checkpoint, String tensor, int width) {
        Weights.checkVector(checkpoint, tensor, width);
        float[] values = new float[width];
        checkpoint.read(tensor, 0, values, 0, width);
        return values;
    }

    /** The checkpoint's own basis. */
    record Own() implements ResidualBasis {

        @Override
        public Rows reading(Rows rows, Checkpoint checkpoint, String norm) {
            return rows;
        }

        @Override
        public Rows reading(Rows rows) {
            return rows;
        }

        @Override
        public Rows writing(Rows rows) {
            return rows;
        }

        @Override
        public Rows embedding(Rows rows) {
            return rows;
        }

        @Override
        public boolean gainIsOne() {
            return false;
        }

        @Override
        public Value gain(Weights weights, ElementType type, Checkpoint checkpoint, String norm, int width) {
            return weights.values(norm, type, vector(checkpoint, norm, width), width);
        }

        @Override
        public Value original(OnnxGraph graph, Weights weights, Value normalised, Checkpoint checkpoint, String norm,
                int width) {
            return normalised;
        }
    }

    /** A rotated basis; all norms have gain one. */
    record Rotated(BlockHadamard rotation) implements ResidualBasis {

        @Override
        public Rows reading(Rows rows, Checkpoint checkpoint, String norm) {
            return rows.reading(rotation, vector(checkpoint, norm, rows.columns()));
        }

        @Override
        public Rows reading(Rows rows) {
            return rows.reading(rotation, null);
        }

        @Override
        public Rows writing(Rows rows) {
            return rows.writing(rotation);
        }

        @Override
        public Rows embedding(Rows rows) {
            return rows.reading(rotation, null);
        }

        @Override
        public boolean gainIsOne() {
            return true;
        }

        @Override
        public Value gain(Weights weights, ElementType type, Checkpoint checkpoint, String norm, int width) {
            float[] ones = new float[width];
            Arrays.fill(ones, 1);
            return weights.values(norm + ".one", type, ones, width);
        }

        @Override
        public Value original(OnnxGraph graph, Weights weights, Value normalised, Checkpoint checkpoint, String norm,
                int width) {
            int block = rotation.block();
            Value matrix = weights.values("rotation", ElementType.FLOAT, rotation.matrix(), block, block);
            Value blocks = graph.node("Reshape", List.of(normalised, graph.longs(-1, block)));
            Value rows = graph.node("Reshape",
                    List.of(graph.node("Gemm", List.of(blocks, matrix), Attribute.of("transB", 0)), graph.longs(-1, width)));
            float[] gain = vector(checkpoint, norm, width);
            for (int i = 0; i < width; i++) {
                gain[i] *= rotation.sign(i);
            }
            return graph.node("Mul", List.of(rows, weights.values(norm, ElementType.FLOAT, gain, width)));
        }
    }
}
