package io.quarkiverse.eagle.triton.client;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import com.google.protobuf.ByteString;

import io.grpc.Status.Code;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse.InferOutputTensor;

/** A tensor of an answer: its bytes, or the word that they lie in the shared memory that the request named. */
public final class OutputTensor {

    private final InferOutputTensor tensor;
    private final ByteString data;

    /** @param data null when the tensor lies in shared memory */
    OutputTensor(InferOutputTensor tensor, ByteString data) {
        this.tensor = tensor;
        this.data = data;
    }

    public String name() {
        return tensor.getName();
    }

    /** Its element type as the protocol names it. */
    public String type() {
        return tensor.getDatatype();
    }

    public int rank() {
        return tensor.getShapeCount();
    }

    public long dimension(int i) {
        return tensor.getShape(i);
    }

    public boolean isInSharedMemory() {
        return data == null;
    }

    /**
     * The tensor's bytes, read-only, little-endian, row-major; not a copy.
     *
     * @throws IllegalStateException when they lie in shared memory
     */
    public ByteBuffer data() {
        if (data == null) {
            throw new IllegalStateException("output " + name() + " lies in shared memory");
        }
        return data.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Checks that this is a dense tensor of this type and shape.
     *
     * @throws TritonException when it is not
     */
    public void require(DataType type, long... shape) {
        boolean fits = type().equals(type.name()) && rank() == shape.length;
        for (int i = 0; fits && i < shape.length; i++) {
            fits = dimension(i) == shape[i];
        }
        if (!fits) {
            throw new TritonException(Code.INTERNAL, "output " + name() + " is " + type() + tensor.getShapeList() + ", but "
                    + type + java.util.Arrays.toString(shape) + " was expected", false, null);
        }
        if (data != null && type != DataType.BYTES && data.size() != type.bytes(shape)) {
            throw new TritonException(Code.INTERNAL, "output " + name() + " brought " + data.size() + " bytes, but "
                    + type + java.util.Arrays.toString(shape) + " has " + type.bytes(shape), false, null);
        }
    }

    /**
     * The elements of a BYTES tensor as UTF-8 strings.
     *
     * @throws TritonException when the tensor is of another type, or damaged
     */
    public List<String> strings() {
        if (!type().equals(DataType.BYTES.name())) {
            throw new TritonException(Code.INTERNAL, "output " + name() + " is " + type() + ", but BYTES was expected", false,
                    null);
        }
        ByteBuffer bytes = data();
        List<String> strings = new ArrayList<>();
        while (bytes.hasRemaining()) {
            int length = bytes.remaining() < Integer.BYTES ? -1 : bytes.getInt();
            if (length < 0 || length > bytes.remaining()) {
                throw new TritonException(Code.INTERNAL, "output " + name() + " is no list of BYTES: its lengths do not add up",
                        false, null);
            }
            byte[] element = new byte[length];
            bytes.get(element);
            strings.add(new String(element, StandardCharsets.UTF_8));
        }
        return strings;
    }
}
