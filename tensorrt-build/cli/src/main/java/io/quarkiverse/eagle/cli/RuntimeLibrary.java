package io.quarkiverse.eagle.cli;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;

/** Whether ONNX Runtime's native library loads, and how its integer kernels behave on this processor. */
final class RuntimeLibrary {

    /** Rows of the known-answer product: enough for the kernels of large steps. */
    private static final int ROWS = 16;
    private static final int DEPTH = 64;
    /** One below the zero point of 128: its sums of pairs stay within 16 bits. */
    private static final int MODERATE = 127;
    private static final int EXTREME = 255;

    private RuntimeLibrary() {
    }

    static Check examine() {
        try {
            return Check.ok("onnxruntime", OrtEnvironment.getEnvironment().getVersion() + " loads");
        } catch (LinkageError | RuntimeException e) {
            return Check.problem("onnxruntime", "its native library does not load: " + Failures.sentence(e),
                    "it is made for Linux and macOS of x86-64 and ARM with glibc 2.27 or newer, and needs a writable"
                            + " temporary folder");
        }
    }

    /**
     * Whether signed weights are multiplied exactly. Processors without an integer dot product add pairs in 16 bits, where
     * extreme values saturate; engines then use the unsigned form of the weights.
     */
    static Check integerKernels(Path knownAnswer) {
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
                OrtSession graph = OrtEnvironment.getEnvironment().createSession(knownAnswer.toString(), options)) {
            int[] moderate = product(graph, MODERATE);
            int[] extreme = product(graph, EXTREME);
            boolean exact = Arrays.equals(extreme,
                    Arrays.stream(moderate).map(sum -> sum * (EXTREME - 128) / (MODERATE - 128)).toArray());
            return Check.ok("integer kernels", exact ? "signed weights multiply exactly and are used"
                    : "signed weights saturate on this processor; the exact unsigned form is used");
        } catch (OrtException e) {
            return Check.problem("integer kernels", "the known-answer graph does not run: " + e.getMessage(),
                    "build the bundle again");
        }
    }

    private static int[] product(OrtSession graph, int value) throws OrtException {
        byte[] rows = new byte[ROWS * DEPTH];
        Arrays.fill(rows, (byte) value);
        ByteBuffer buffer = ByteBuffer.allocateDirect(rows.length).order(ByteOrder.nativeOrder()).put(rows).flip();
        try (OnnxTensor input = OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), buffer,
                new long[] { ROWS, DEPTH }, OnnxJavaType.UINT8);
                OrtSession.Result result = graph.run(Map.of("rows", input))) {
            IntBuffer sums = ((OnnxTensor) result.get(0)).getIntBuffer();
            int[] product = new int[sums.remaining()];
            sums.get(product);
            return product;
        }
    }
}
