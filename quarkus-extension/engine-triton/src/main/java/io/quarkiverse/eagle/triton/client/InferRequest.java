package io.quarkiverse.eagle.triton.client;

import java.nio.ByteBuffer;

import com.google.protobuf.UnsafeByteOperations;

import io.quarkiverse.eagle.triton.client.proto.InferParameter;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest.InferInputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest.InferRequestedOutputTensor;

/**
 * One inference request. May be filled again after {@link #clear}. Not thread-safe.
 * <p>
 * Tensors are little-endian and row-major. Their buffers are not copied: they belong to the request while it is in flight,
 * which
 * is from the call that sends it until its stage completes, in whatever way.
 */
public final class InferRequest {

    private final String model;
    private final String version;
    private final ModelInferRequest.Builder message = ModelInferRequest.newBuilder();

    /** @param version null lets the server choose */
    public InferRequest(String model, String version) {
        this.model = model;
        this.version = version == null ? "" : version;
        clear();
    }

    public InferRequest(String model) {
        this(model, null);
    }

    /** Forgets parameters, inputs and outputs. */
    public InferRequest clear() {
        message.clear().setModelName(model).setModelVersion(version);
        return this;
    }

    public InferRequest parameter(String name, String value) {
        message.putParameters(name, string(value));
        return this;
    }

    public InferRequest parameter(String name, long value) {
        message.putParameters(name, integer(value));
        return this;
    }

    public InferRequest parameter(String name, boolean value) {
        message.putParameters(name, InferParameter.newBuilder().setBoolParam(value).build());
        return this;
    }

    public InferRequest parameter(String name, double value) {
        message.putParameters(name, InferParameter.newBuilder().setDoubleParam(value).build());
        return this;
    }

    /**
     * Adds an input from a buffer's position to its limit; neither is changed.
     *
     * @throws IllegalArgumentException when the buffer's size is not that of the shape
     */
    public InferRequest input(String name, DataType type, ByteBuffer data, long... shape) {
        requireSize(name, type, data.remaining(), shape);
        message.addInputs(tensor(name, type, shape)).addRawInputContents(UnsafeByteOperations.unsafeWrap(data));
        return this;
    }

    /** Adds an input that lies in shared memory. */
    public InferRequest input(String name, DataType type, SharedMemoryRegion region, int offset, int bytes, long... shape) {
        requireSize(name, type, bytes, shape);
        InferInputTensor.Builder tensor = tensor(name, type, shape);
        tensor.putParameters(InferResponse.REGION, string(region.name()));
        tensor.putParameters(InferResponse.REGION_OFFSET, integer(offset));
        tensor.putParameters(InferResponse.REGION_BYTES, integer(bytes));
        message.addInputs(tensor);
        return this;
    }

    private static InferInputTensor.Builder tensor(String name, DataType type, long[] shape) {
        InferInputTensor.Builder tensor = InferInputTensor.newBuilder().setName(name).setDatatype(type.name());
        for (long dimension : shape) {
            tensor.addShape(dimension);
        }
        return tensor;
    }

    private static void requireSize(String name, DataType type, int found, long[] shape) {
        if (type != DataType.BYTES && type.bytes(shape) != found) {
            throw new IllegalArgumentException("input " + name + " has " + found + " bytes; its shape "
                    + java.util.Arrays.toString(shape) + " of " + type + " needs " + type.bytes(shape));
        }
    }

    /** Asks for an output. Without any, all outputs come. */
    public InferRequest output(String name) {
        message.addOutputs(InferRequestedOutputTensor.newBuilder().setName(name));
        return this;
    }

    /** Asks for an output that the server writes to shared memory, at most so many bytes. */
    public InferRequest output(String name, SharedMemoryRegion region, int offset, int bytes) {
        message.addOutputs(InferRequestedOutputTensor.newBuilder().setName(name)
                .putParameters(InferResponse.REGION, string(region.name()))
                .putParameters(InferResponse.REGION_OFFSET, integer(offset))
                .putParameters(InferResponse.REGION_BYTES, integer(bytes)));
        return this;
    }

    private static InferParameter string(String value) {
        return InferParameter.newBuilder().setStringParam(value).build();
    }

    private static InferParameter integer(long value) {
        return InferParameter.newBuilder().setInt64Param(value).build();
    }

    public String model() {
        return model;
    }

    ModelInferRequest message(String id) {
        return message.setId(id).build();
    }
}
