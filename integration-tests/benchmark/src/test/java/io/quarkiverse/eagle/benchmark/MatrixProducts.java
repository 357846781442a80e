package io.quarkiverse.eagle.benchmark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;

/**
 * The 8-bit matrix products of a graph and nothing else: what its steps would take if all other work cost nothing. The matrices
 * have the graph's shapes and random contents, the threads are those of the engines that are open.
 */
final class MatrixProducts implements AutoCloseable {

    private static final String FIRST = "product_0";

    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final Map<String, Integer> depths = new HashMap<>();
    private final OrtSession session;

    /** @param folder for the files */
    MatrixProducts(Path folder, BundleManifest.Graph of) throws IOException, OrtException {
        OnnxGraph graph = new OnnxGraph("products");
        Random random = new Random(1);
        try (WeightFile file = new WeightFile(folder.resolve("products.bin"), "products.bin")) {
            int product = 0;
            for (BundleManifest.Weight weight : of.signed()) {
                int depth = weight.shape().get(0).intValue();
                int width = weight.shape().get(1).intValue();
                String name = "rows_" + depth;
                Value rows = depths.put(name, depth) == null ? graph.input(name, ElementType.UINT8, "rows", depth)
                        : new Value(name);
                byte[] bytes = new byte[depth * width];
                random.nextBytes(bytes);
                WeightFile.Region region = file.reserve(bytes.length);
                file.write(region, 0, ByteBuffer.wrap(bytes));
                Value matrix = graph.external(weight.name(), ElementType.INT8, file, region, depth, width);
                graph.output(graph.named("product_" + product++, "MatMulInteger",
                        List.of(rows, matrix, graph.scalar(ElementType.UINT8, (byte) 128))), ElementType.INT32, "rows", width);
            }
        }
        Path model = folder.resolve("products.onnx");
        graph.write(model);
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.disablePerSessionThreads();
            this.session = environment.createSession(model.toString(), options);
        }
    }

    /** Runs all products with so many rows each. */
    void run(int rows) throws OrtException {
        Map<String, OnnxTensor> inputs = new HashMap<>();
        try {
            for (Map.Entry<String, Integer> depth : depths.entrySet()) {
                inputs.put(depth.getKey(),
                        OnnxTensor.createTensor(environment, ByteBuffer.allocateDirect(rows * depth.getValue()),
                                new long[] { rows, depth.getValue() }, OnnxJavaType.UINT8));
            }
            // The others are computed too, but nobody wants to see them.
            session.run(inputs, Set.of(FIRST)).close();
        } finally {
            inputs.values().forEach(OnnxTensor::close);
        }
    }

    @Override
    public void close() throws OrtException {
        session.close();
    }
}
