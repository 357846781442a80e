package io.quarkiverse.eagle.triton.repository;

import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.triton.repository.config.DataType;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInput;
import io.quarkiverse.eagle.triton.repository.config.ModelOutput;

/** The engines of a bundle that a repository serves, one a model, and what their configurations have in common. */
record ServedEngines(BundleManifest manifest) {

    static final String VERSION = "1";
    static final String TARGET = "target";
    static final String DRAFT = "draft";

    List<String> roles() {
        return manifest.draftGraph() == null ? List.of(TARGET) : List.of(TARGET, DRAFT);
    }

    BundleManifest.Graph graph(String role) {
        return role.equals(TARGET) ? manifest.targetGraph() : manifest.draftGraph();
    }

    /** A model's name: what in the bundle's is no letter, digit, {@code _} or {@code -} becomes {@code _}. */
    String model(String role) {
        return ModelRepository.modelName(manifest, role);
    }

    List<String> models() {
        return roles().stream().map(this::model).toList();
    }

    /** Inputs of a step that both engines have, and those of the one. */
    void stepInputs(ModelConfig.Builder config, String role, boolean optional) {
        input(config, optional, "input_ids", DataType.TYPE_INT64, -1, -1);
        input(config, optional, "position_ids", DataType.TYPE_INT64, -1, -1);
        input(config, optional, "window_start", DataType.TYPE_INT64, -1);
        input(config, optional, "window_mask", DataType.TYPE_BOOL, -1, -1, -1);
        input(config, optional, "output_rows", DataType.TYPE_INT64, -1, -1);
        if (role.equals(TARGET)) {
            input(config, optional, "keep_rows", DataType.TYPE_INT64, -1, -1);
        } else {
            input(config, optional, "features", DataType.TYPE_FP32, -1, -1, graph(role).featureSize());
            input(config, optional, "write_offset", DataType.TYPE_INT64, -1);
        }
    }

    /** The best tokens of every wanted row. */
    void topOutputs(ModelConfig.Builder config, String role) {
        output(config, "top_ids", DataType.TYPE_INT32, -1, -1, graph(role).topK());
        output(config, "top_logits", DataType.TYPE_FP32, -1, -1, graph(role).topK());
    }

    /** @param optional whether a request may leave it out */
    static void input(ModelConfig.Builder config, boolean optional, String name, DataType type, long... dims) {
        ModelInput.Builder input = ModelInput.newBuilder().setName(name).setDataType(type).setOptional(optional);
        for (long dim : dims) {
            input.addDims(dim);
        }
        config.addInput(input);
    }

    static void output(ModelConfig.Builder config, String name, DataType type, long... dims) {
        ModelOutput.Builder output = ModelOutput.newBuilder().setName(name).setDataType(type);
        for (long dim : dims) {
            output.addDims(dim);
        }
        config.addOutput(output);
    }
}
