package io.quarkiverse.eagle.triton.repository;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import com.google.protobuf.TextFormat;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.triton.host.HostFiles;
import io.quarkiverse.eagle.triton.repository.config.DataType;
import io.quarkiverse.eagle.triton.repository.config.ModelConfig;
import io.quarkiverse.eagle.triton.repository.config.ModelInstanceGroup;
import io.quarkiverse.eagle.triton.repository.config.ModelParameter;

/**
 * Writes a model repository whose models are engine hosts: one for the target and one for the draft of a bundle.
 */
public final class HostRepository implements ModelRepository {

    private final Bundle bundle;
    private final ServedEngines engines;
    private final HostOptions options;

    /** @throws RepositoryException the bundle does not fit the runtime */
    public HostRepository(Bundle bundle, HostOptions options) {
        this.bundle = bundle;
        this.engines = new ServedEngines(bundle.manifest());
        this.options = options;
        BundleManifest manifest = bundle.manifest();
        if (!manifest.update().equals("in-place")) {
            throw new RepositoryException(
                    "the bundle has " + manifest.update() + " update, but the engine host binds its pool in"
                            + " place; build it with --update in-place");
        }
        boolean forTensorRt = manifest.target().equals("tensorrt");
        if (forTensorRt && options.runtime() == HostOptions.Runtime.ONNXRUNTIME_CPU) {
            throw new RepositoryException("the bundle is made for tensorrt in " + manifest.precision() + ", which a CPU cannot"
                    + " run; build it with --for onnxruntime, or choose a runtime for GPUs");
        }
        if (!forTensorRt && options.runtime() == HostOptions.Runtime.TENSORRT) {
            throw new RepositoryException("the bundle is made for onnxruntime and has no TensorRT plans; build it with"
                    + " --for tensorrt, and its plans with eagle plan");
        }
    }

    @Override
    public List<String> models() {
        return engines.models();
    }

    @Override
    public void write(Path out) {
        RepositoryFolder.write(out, folder -> {
            for (String role : engines.roles()) {
                writeModel(folder, role);
            }
            HostFiles.copyRequirements(folder);
            Files.writeString(folder.resolve("README.md"), new RepositoryGuide(this, bundle.manifest(), options).text());
        });
    }

    private void writeModel(Path repository, String role) throws IOException {
        Path model = repository.resolve(engines.model(role));
        Path version = Files.createDirectories(model.resolve(ServedEngines.VERSION));
        HostFiles.copyModel(version);
        if (role.equals(ServedEngines.TARGET) && options.bundleAt() == null) {
            copyBundle(model.resolve("bundle"));
        }
        Files.writeString(model.resolve("config.pbtxt"), TextFormat.printer().printToString(config(role)));
    }

    private void copyBundle(Path into) throws IOException {
        List<String> paths = new ArrayList<>(bundle.manifest().files().stream().map(BundleManifest.FileEntry::path).toList());
        paths.add(BundleManifest.FILE);
        for (String path : paths) {
            Path to = into.resolve(path);
            Files.createDirectories(to.getParent());
            Files.copy(bundle.file(path), to);
        }
    }

    /** Where a version's folder finds the bundle. The draft reads weights of the target, so both share one copy. */
    private String bundlePath(String role) {
        if (options.bundleAt() != null) {
            return options.bundleAt().toString();
        }
        return role.equals(ServedEngines.TARGET) ? "../bundle" : "../../" + engines.model(ServedEngines.TARGET) + "/bundle";
    }

    ModelConfig config(String role) {
        boolean target = role.equals(ServedEngines.TARGET);
        BundleManifest.Graph graph = engines.graph(role);
        ModelConfig.Builder config = ModelConfig.newBuilder().setName(engines.model(role))
                .setBackend("python")
                .setMaxBatchSize(0);
        // Every input is optional: a request brings those of its operation.
        engines.stepInputs(config, role, true);
        engines.topOutputs(config, role);
        ServedEngines.output(config, "features", DataType.TYPE_FP32, -1, -1, graph.featureSize());
        if (target) {
            ServedEngines.input(config, true, "logits_rows", DataType.TYPE_INT64, -1, 2);
            ServedEngines.output(config, "log_z", DataType.TYPE_FP32, -1, -1);
            ServedEngines.output(config, "logits", DataType.TYPE_FP32, -1, graph.vocabulary());
        } else {
            ServedEngines.input(config, true, "children", DataType.TYPE_INT64, -1);
            ServedEngines.input(config, true, "level_start", DataType.TYPE_INT64, -1);
            ServedEngines.input(config, true, "level_sizes", DataType.TYPE_INT64, -1, -1);
            ServedEngines.output(config, "expanded", DataType.TYPE_INT32, -1, -1);
        }
        ServedEngines.output(config, "info", DataType.TYPE_STRING, 1);
        ModelInstanceGroup.Builder instance = ModelInstanceGroup.newBuilder().setCount(1);
        if (options.runtime().onGpu()) {
            instance.setKind(ModelInstanceGroup.Kind.KIND_GPU).addGpus(options.gpu());
        } else {
            instance.setKind(ModelInstanceGroup.Kind.KIND_CPU);
        }
        config.addInstanceGroup(instance);
        parameter(config, "bundle", bundlePath(role));
        parameter(config, "role", role);
        parameter(config, "runtime", options.runtime().text());
        parameter(config, "slots", Integer.toString(options.slots()));
        parameter(config, "threads", Integer.toString(options.threads()));
        parameter(config, "spinning", Boolean.toString(options.spinning()));
        parameter(config, "lease_seconds", Integer.toString(options.leaseSeconds()));
        return config.build();
    }

    private static void parameter(ModelConfig.Builder config, String name, String value) {
        config.putParameters(name, ModelParameter.newBuilder().setStringValue(value).build());
    }
}
