package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * A product of extreme 8-bit values whose right answer is known: kernels that add pairs of products in 16 bits saturate on it.
 * With rows of 255 the answer is {@code 127 · 127 · }{@value #DEPTH} in even columns and {@code −128 · 127 · }{@value #DEPTH}
 * in odd ones.
 */
final class KnownAnswerGraph {

    static final String FILE = "known-answer.onnx";
    private static final int DEPTH = 64;
    private static final int WIDTH = 64;

    private KnownAnswerGraph() {
    }

    static void write(Path folder) throws IOException {
        OnnxGraph graph = new OnnxGraph("known-answer");
        Value rows = graph.input("rows", ElementType.UINT8, "rows", DEPTH);
        ByteBuffer matrix = ByteBuffer.allocate(DEPTH * WIDTH);
        while (matrix.hasRemaining()) {
            matrix.put((byte) (matrix.position() % 2 == 0 ? 127 : -128));
        }
        Value weights = graph.constant("weights", ElementType.INT8, matrix.flip(), DEPTH, WIDTH);
        Value product = graph.named("product", "MatMulInteger",
                List.of(rows, weights, graph.scalar(ElementType.UINT8, (byte) 128)));
        graph.output(product, ElementType.INT32, "rows", WIDTH);
        graph.write(folder.resolve(FILE));
    }
}
