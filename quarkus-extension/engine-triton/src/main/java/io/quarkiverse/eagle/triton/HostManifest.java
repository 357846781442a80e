package io.quarkiverse.eagle.triton;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.triton.client.DataType;
import io.quarkiverse.eagle.triton.client.ModelInfo;

/**
 * What an engine host says of its engine.
 *
 * @param protocol version of the protocol that it speaks
 * @param role {@code target} or {@code draft}
 * @param model name of the bundle that the engine was made from
 * @param epoch name of its pool; a new one means an empty pool
 * @param slots size of the pool
 * @param freeSlots those that nobody holds
 * @param leaseSeconds how long slots are held without a request
 * @param copiesRows whether it copies rows between slots; hosts of earlier versions do not say, and do not
 */
record HostManifest(int protocol, String role, String model, String epoch, String bundleChecksum, String graph,
        String graphSha256, String precision, String update, int slots, int maxLength, int maxRows, int topK, int vocabulary,
        int featureSize, String runtime, String runtimeVersion, int freeSlots, double leaseSeconds, boolean copiesRows) {

    static final int PROTOCOL = 2;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /** The slots that a host gave to this client. */
    record Lease(String epoch, int firstSlot, int slots, double leaseSeconds) {
    }

    /** Reads what a host answered. */
    static <T> T read(String info, Class<T> type) {
        try {
            return JSON.readValue(info, type);
        } catch (JsonProcessingException e) {
            throw new EngineException("the engine host's answer cannot be read: " + e.getOriginalMessage() + ": " + info, e);
        }
    }

    /**
     * Everything that keeps this host from serving a bundle's engine.
     *
     * @param graph the engine in the bundle
     * @param wanted slots that the client needs
     */
    List<String> differences(BundleManifest bundle, BundleManifest.Graph graph, int wanted) {
        List<String> found = new ArrayList<>();
        compare(found, "protocol version", protocol, PROTOCOL);
        compare(found, "role", role, graph == bundle.targetGraph() ? "target" : "draft");
        compare(found, "model", model, bundle.name());
        compare(found, "bundle checksum", bundleChecksum, bundle.checksum());
        compare(found, "precision", precision, bundle.precision());
        compare(found, "update", update, bundle.update());
        compare(found, "max length", maxLength, bundle.maxLength());
        compare(found, "max rows", maxRows, graph.maxRows());
        compare(found, "top k", topK, graph.topK());
        compare(found, "vocabulary", vocabulary, graph.vocabulary());
        compare(found, "feature size", featureSize, graph.featureSize());
        for (BundleManifest.FileEntry entry : bundle.files()) {
            if (entry.path().equals(this.graph)) {
                compare(found, "SHA-256 of " + entry.path(), graphSha256, entry.sha256());
            }
        }
        if (slots < wanted) {
            found.add("its pool has " + slots + " slots, but " + wanted + " are wanted");
        }
        if (epoch == null || !(leaseSeconds > 0)) {
            found.add("it names no epoch or no lease time");
        }
        return found;
    }

    private static void compare(List<String> found, String what, Object theirs, Object ours) {
        if (!Objects.equals(theirs, ours)) {
            found.add(what + " is " + theirs + ", but the bundle's is " + ours);
        }
    }

    /** Tensors that a model needs to be an engine host, and lacks. */
    static List<String> differences(ModelInfo info, boolean isTarget) {
        List<String> found = new ArrayList<>();
        for (String input : List.of("input_ids", "position_ids", "window_start", "output_rows",
                isTarget ? "keep_rows" : "write_offset")) {
            require(found, "input", info.inputs(), input, DataType.INT64);
        }
        require(found, "input", info.inputs(), "window_mask", DataType.BOOL);
        require(found, "output", info.outputs(), "info", DataType.BYTES);
        require(found, "output", info.outputs(), "top_ids", DataType.INT32);
        require(found, "output", info.outputs(), "top_logits", DataType.FP32);
        require(found, "output", info.outputs(), "features", DataType.FP32);
        if (isTarget) {
            require(found, "input", info.inputs(), "logits_rows", DataType.INT64);
            require(found, "output", info.outputs(), "log_z", DataType.FP32);
            require(found, "output", info.outputs(), "logits", DataType.FP32);
        } else {
            require(found, "input", info.inputs(), "features", DataType.FP32);
            for (String input : List.of("children", "level_start", "level_sizes")) {
                require(found, "input", info.inputs(), input, DataType.INT64);
            }
            require(found, "output", info.outputs(), "expanded", DataType.INT32);
        }
        return found;
    }

    private static void require(List<String> found, String kind, List<ModelInfo.Tensor> tensors, String name, DataType type) {
        for (ModelInfo.Tensor tensor : tensors) {
            if (tensor.name().equals(name)) {
                if (!tensor.type().equals(type.name())) {
                    found.add(kind + " " + name + " is " + tensor.type() + ", but must be " + type);
                }
                return;
            }
        }
        found.add("it has no " + kind + " " + name);
    }
}
