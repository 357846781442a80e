package io.quarkiverse.eagle.plan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.BundleManifest.Graph;

/** A bundle with manifest and files whose graphs hold nothing: enough for all that happens around TensorRT. */
final class TinyBundle {

    private TinyBundle() {
    }

    static Bundle write(Path folder, String runtime, boolean drafts) throws IOException {
        return write(folder, runtime, runtime.equals("tensorrt") ? "fp16" : "int8", drafts);
    }

    static Bundle write(Path folder, String runtime, String precision, boolean drafts) throws IOException {
        List<String> files = drafts
                ? List.of("tokenizer.json", "target/model.onnx", "target/weights.bin", "draft/model.onnx")
                : List.of("tokenizer.json", "target/model.onnx", "target/weights.bin");
        for (String file : files) {
            Files.createDirectories(folder.resolve(file).getParent());
            Files.writeString(folder.resolve(file), "content of " + file);
        }
        Graph target = new Graph("target", "target/model.onnx", null, 2, 3, 16, "float16", 48, 64, 1000, 128, null, null);
        Graph draft = new Graph("eagle", "draft/model.onnx", null, 1, 3, 16, "float16", 48, 10, 1000, 128, null, null);
        Bundle.write(folder, new BundleManifest(BundleManifest.FORMAT_VERSION, "Tiny", "made up", drafts ? "made up" : null,
                runtime, precision, "in-place", 256, 4, 1, List.of(2),
                new BundleManifest.Model("llama", 1000, 48, 96, 2, 3, 3, 16, 1e-5, 10000, true), target,
                drafts ? draft : null, null, null, Bundle.describe(folder, files), null));
        return Bundle.open(folder);
    }
}
