package io.quarkiverse.eagle.onnxruntime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.Map;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;

/**
 * Finds out whether this CPU multiplies unsigned activations by signed weights exactly. Without VNNI or AMX the kernels add
 * pairs of products in 16 bits, and extreme values saturate; the unsigned form of the weights is exact there.
 */
final class IntegerKernels {

    /** Rows and columns of the known-answer graph, and its answers for rows of 255 around zero point 128. */
    static final int DEPTH = 64;
    static final int WIDTH = 64;
    private static final int EVEN_ANSWER = (255 - 128) * 127 * DEPTH;
    private static final int ODD_ANSWER = (255 - 128) * -128 * DEPTH;
    /** Rows per product: one, few, and enough for the kernels of large steps. */
    private static final int[] ROWS = { 1, 2, 16, 64 };

    private IntegerKernels() {
    }

    static boolean signedIsExact(RuntimeEnvironment runtime, Path knownAnswer, OnnxRuntimeOptions options)
            throws OrtException {
        try (OrtSession.SessionOptions session = runtime.sessionOptions(options);
                OrtSession graph = runtime.environment().createSession(knownAnswer.toString(), session)) {
            for (int rows : ROWS) {
                if (!exact(runtime, graph, rows)) {
                    return false;
                }
            }
            return true;
        }
    }

    private static boolean exact(RuntimeEnvironment runtime, OrtSession graph, int rows) throws OrtException {
        ByteBuffer extreme = ByteBuffer.allocateDirect(rows * DEPTH).order(ByteOrder.nativeOrder());
        while (extreme.hasRemaining()) {
            extreme.put((byte) 255);
        }
        try (OnnxTensor input = OnnxTensor.createTensor(runtime.environment(), extreme.flip(),
                new long[] { rows, DEPTH }, OnnxJavaType.UINT8);
                OrtSession.Result result = graph.run(Map.of("rows", input))) {
            return isRight(((OnnxTensor) result.get(0)).getIntBuffer(), rows);
        }
    }

    /** @param product of rows of 255, {@code [rows, WIDTH]} */
    static boolean isRight(IntBuffer product, int rows) {
        for (int i = 0; i < rows * WIDTH; i++) {
            if (product.get(i) != (i % 2 == 0 ? EVEN_ANSWER : ODD_ANSWER)) {
                return false;
            }
        }
        return true;
    }
}
