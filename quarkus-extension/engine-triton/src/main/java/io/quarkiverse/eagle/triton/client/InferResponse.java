package io.quarkiverse.eagle.triton.client;

import java.util.ArrayList;
import java.util.List;

import com.google.protobuf.ByteString;

import io.grpc.Status.Code;
import io.quarkiverse.eagle.triton.client.proto.InferParameter;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest.InferRequestedOutputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse.InferOutputTensor;

/** The answer to an {@link InferRequest}. */
public final class InferResponse {

    static final String REGION = "shared_memory_region";
    static final String REGION_OFFSET = "shared_memory_offset";
    static final String REGION_BYTES = "shared_memory_byte_size";

    private final ModelInferResponse message;
    private final List<OutputTensor> outputs;

    /**
     * @param request what it answers; the server need not repeat which outputs it wrote to shared memory
     * @throws TritonException when the answer contradicts itself
     */
    InferResponse(ModelInferRequest request, ModelInferResponse message) {
        this.message = message;
        this.outputs = outputs(request, message);
    }

    private static List<OutputTensor> outputs(ModelInferRequest request, ModelInferResponse message) {
        int count = message.getOutputsCount();
        int contents = message.getRawOutputContentsCount();
        int inMessage = 0;
        for (InferOutputTensor tensor : message.getOutputsList()) {
            inMessage += isShared(request, tensor) ? 0 : 1;
        }
        // Triton sends empty contents in the place of a tensor in shared memory; the protocol lets it leave them out.
        if (contents != count && contents != inMessage) {
            throw new TritonException(Code.INTERNAL, "the answer of " + message.getModelName() + " has " + contents
                    + " raw contents for " + inMessage + " outputs; the protocol wants one for each", false, null);
        }
        List<OutputTensor> outputs = new ArrayList<>(count);
        int next = 0;
        for (InferOutputTensor tensor : message.getOutputsList()) {
            boolean shared = isShared(request, tensor);
            ByteString data = null;
            if (!shared || contents == count) {
                data = message.getRawOutputContents(next++);
            }
            outputs.add(new OutputTensor(tensor, shared ? null : data));
        }
        return outputs;
    }

    private static boolean isShared(ModelInferRequest request, InferOutputTensor tensor) {
        if (tensor.containsParameters(REGION)) {
            return true;
        }
        for (InferRequestedOutputTensor wanted : request.getOutputsList()) {
            if (wanted.getName().equals(tensor.getName())) {
                return wanted.containsParameters(REGION);
            }
        }
        return false;
    }

    public String id() {
        return message.getId();
    }

    public String model() {
        return message.getModelName();
    }

    /** All outputs, in the server's order. */
    public List<OutputTensor> outputs() {
        return outputs;
    }

    /** The output of this name, or null when there is none. */
    public OutputTensor output(String name) {
        for (OutputTensor output : outputs) {
            if (output.name().equals(name)) {
                return output;
            }
        }
        return null;
    }

    /** A response parameter as a string, or null when there is none. */
    public String parameter(String name) {
        InferParameter value = message.getParametersMap().get(name);
        if (value == null) {
            return null;
        }
        return switch (value.getParameterChoiceCase()) {
            case BOOL_PARAM -> String.valueOf(value.getBoolParam());
            case INT64_PARAM -> String.valueOf(value.getInt64Param());
            case UINT64_PARAM -> Long.toUnsignedString(value.getUint64Param());
            case DOUBLE_PARAM -> String.valueOf(value.getDoubleParam());
            case STRING_PARAM -> value.getStringParam();
            case PARAMETERCHOICE_NOT_SET -> null;
        };
    }
}
