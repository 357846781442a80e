package io.quarkiverse.eagle.benchmark;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** The default model on this machine. */
final class ShippedModel {

    private ShippedModel() {
    }

    /**
     * Opens it for so many generations at once.
     *
     * @param spinning whether threads spin while they wait, which is faster on a machine that has nothing else to do
     */
    static SpeculativeModel open(int slots, int queueLimit, boolean spinning) {
        Bundle bundle = Bundle.open(DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE));
        return SpeculativeModel.open(bundle,
                () -> OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(slots, 0, spinning)),
                new ModelOptions(null, null, queueLimit, Runnable::run).withPrefixReuse(false));
    }
}
