package io.quarkiverse.eagle.onnxruntime;

import ai.onnxruntime.OrtException;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.EnginePair;

/** Lets tests choose the form of int8 weights, which engines otherwise choose by the CPU. */
public final class WeightForms {

    private WeightForms() {
    }

    /** Opens a bundle with signed or with sign-flipped weights. */
    public static EnginePair open(Bundle bundle, OnnxRuntimeOptions options, boolean signed) {
        return OnnxRuntimeEngines.open(bundle, options, signed);
    }

    /** Whether this CPU multiplies by signed weights exactly. */
    public static boolean signedIsExact(Bundle bundle, OnnxRuntimeOptions options) {
        try {
            return IntegerKernels.signedIsExact(RuntimeEnvironment.get(options),
                    bundle.file(bundle.manifest().knownAnswer()), options);
        } catch (OrtException e) {
            throw new AssertionError(e);
        }
    }
}
