package io.quarkiverse.eagle.triton.client;

import java.util.List;

/**
 * A model's metadata.
 *
 * @param versions those that are loaded
 * @param platform framework or backend
 */
public record ModelInfo(String name, List<String> versions, String platform, List<Tensor> inputs, List<Tensor> outputs) {

    /**
     * A tensor of the model.
     *
     * @param type element type as the protocol names it
     * @param shape -1 for a dimension of any size
     */
    public record Tensor(String name, String type, List<Long> shape) {
    }
}
