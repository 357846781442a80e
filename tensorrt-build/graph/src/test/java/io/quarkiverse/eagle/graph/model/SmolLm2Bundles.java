package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.checkpoint.SmolLm2;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Bundles of SmolLM2 and its shipped head with the whole draft vocabulary, each built once per run of the tests. */
final class SmolLm2Bundles {

    static final int SLOTS = 4;
    static final int MAX_LENGTH = 2048;

    private static final Map<Precision, Bundle> BUILT = new EnumMap<>(Precision.class);

    private SmolLm2Bundles() {
    }

    /** Tests of the calling class are skipped where the model cannot be had. */
    static synchronized Bundle of(Precision precision) {
        Bundle bundle = BUILT.get(precision);
        if (bundle == null) {
            bundle = build(precision);
            BUILT.put(precision, bundle);
        }
        return bundle;
    }

    private static Bundle build(Precision precision) {
        Path folder = folder().resolve("smollm2-" + precision.text());
        BundleBuilder.delete(folder);
        try (ModelSource model = SmolLm2.open(); EagleHead head = EagleHead.open(headFolder())) {
            GraphOptions options = new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, precision, KvUpdate.IN_PLACE, SLOTS,
                    MAX_LENGTH, 0);
            new BundleBuilder(options, ProgressListener.NONE).build(model, head, List.of(), folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Bundle.open(folder);
    }

    /** Where tests keep their bundles. */
    static Path folder() {
        return SmolLm2.repository().resolve("tensorrt-build/graph/target/bundles");
    }

    /** The head that the project ships. */
    static Path headFolder() {
        return SmolLm2.repository().resolve("triton-models/heads/smollm2-135m-instruct-eagle");
    }
}
