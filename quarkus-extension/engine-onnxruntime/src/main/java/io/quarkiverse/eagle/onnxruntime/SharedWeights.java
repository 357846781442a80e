package io.quarkiverse.eagle.onnxruntime;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;

/**
 * Weights that the loader gives to sessions: tables that lie in another session's file, which both map, and sign-flipped
 * matrices.
 */
final class SharedWeights implements AutoCloseable {

    private static final byte SIGN_BIT = (byte) 0x80;

    private final OrtEnvironment environment;
    private final Bundle bundle;
    private final Map<String, OnnxTensor> mapped = new HashMap<>();

    SharedWeights(OrtEnvironment environment, Bundle bundle) {
        this.environment = environment;
        this.bundle = bundle;
    }

    /** A graph's shared weights by the names of its inputs, mapped from their file; valid until this is closed. */
    Map<String, OnnxTensor> inputs(BundleManifest.Graph graph) throws OrtException, IOException {
        Map<String, OnnxTensor> inputs = new HashMap<>();
        for (BundleManifest.Weight weight : graph.shared()) {
            String key = weight.file() + "@" + weight.offset();
            OnnxTensor tensor = mapped.get(key);
            if (tensor == null) {
                MappedByteBuffer data = bundle.map(weight);
                data.order(ByteOrder.nativeOrder());
                tensor = OnnxTensor.createTensor(environment, data, shape(weight), type(weight));
                mapped.put(key, tensor);
            }
            inputs.put(weight.name(), tensor);
        }
        return inputs;
    }

    /**
     * Gives a graph's signed matrices to a session in unsigned form.
     *
     * @return to be closed when the session is made, which has its own copy by then
     */
    List<OnnxTensor> flip(BundleManifest.Graph graph, OrtSession.SessionOptions session) throws OrtException, IOException {
        List<OnnxTensor> flipped = new ArrayList<>();
        Map<String, OnnxTensorLike> byName = new HashMap<>();
        for (BundleManifest.Weight weight : graph.signed()) {
            OnnxTensor tensor = OnnxTensor.createTensor(environment, flipped(bundle.map(weight)), shape(weight),
                    OnnxJavaType.UINT8);
            flipped.add(tensor);
            byName.put(weight.name(), tensor);
        }
        session.addExternalInitializers(byName);
        return flipped;
    }

    private static ByteBuffer flipped(MappedByteBuffer signed) {
        ByteBuffer unsigned = ByteBuffer.allocateDirect(signed.capacity()).order(ByteOrder.nativeOrder());
        byte[] run = new byte[1 << 16];
        while (signed.hasRemaining()) {
            int count = Math.min(run.length, signed.remaining());
            signed.get(run, 0, count);
            for (int i = 0; i < count; i++) {
                run[i] ^= SIGN_BIT;
            }
            unsigned.put(run, 0, count);
        }
        return unsigned.flip();
    }

    private static long[] shape(BundleManifest.Weight weight) {
        return weight.shape().stream().mapToLong(Long::longValue).toArray();
    }

    private static OnnxJavaType type(BundleManifest.Weight weight) {
        return switch (weight.type()) {
            case "float16" -> OnnxJavaType.FLOAT16;
            case "bfloat16" -> OnnxJavaType.BFLOAT16;
            case "float32" -> OnnxJavaType.FLOAT;
            default -> throw new IllegalArgumentException(
                    "weight " + weight.name() + " has type " + weight.type() + ", which cannot be shared");
        };
    }

    @Override
    public void close() {
        mapped.values().forEach(OnnxTensor::close);
        mapped.clear();
    }
}
