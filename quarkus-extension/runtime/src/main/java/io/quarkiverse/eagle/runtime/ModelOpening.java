package io.quarkiverse.eagle.runtime;

import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Executor;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkus.runtime.configuration.ConfigurationException;

/**
 * From a model's configuration to the open model. Checks what is cheap to check first; every error names the property to
 * change and keeps the sentence of its cause.
 */
final class ModelOpening {

    private final String name;
    private final ModelConfig config;
    private final Executor emission;

    /** @param emission runs the subscribers of the model */
    ModelOpening(String name, ModelConfig config, Executor emission) {
        this.name = name;
        this.config = config;
        this.emission = emission;
    }

    /** @throws ConfigurationException a property is missing or wrong, or what it points to is */
    SpeculativeModel open() {
        OnnxRuntimeOptions engineOptions = new OnnxRuntimeOptions(positive("slots", config.slots()),
                positive("threads", config.threads()), config.spinning());
        ModelOptions options = new ModelOptions(config.drafter().map(ModelConfig.DrafterKind::drafter).orElse(null),
                budget(), positive("queue-limit", OptionalInt.of(config.queueLimit())), emission);
        Path folder = config.bundle().orElseThrow(this::bundleIsNotSet);
        try {
            Bundle bundle = Bundle.open(folder);
            return SpeculativeModel.open(bundle, () -> engines(bundle, engineOptions), options);
        } catch (InvalidRequestException e) {
            throw wrong("drafter", e);
        } catch (RuntimeException e) {
            throw wrong("bundle", e);
        }
    }

    private EnginePair engines(Bundle bundle, OnnxRuntimeOptions options) {
        return switch (config.engine()) {
            case ONNXRUNTIME -> OnnxRuntimeEngines.open(bundle, options);
        };
    }

    /** The value, or 0 for the engine's own default when it is not set. */
    private int positive(String property, OptionalInt value) {
        if (value.isPresent() && value.getAsInt() < 1) {
            String full = EagleConfig.property(name, property);
            throw new ConfigurationException(full + " is " + value.getAsInt() + "; it must be at least 1", Set.of(full));
        }
        return value.orElse(0);
    }

    private TreeBudget budget() {
        return config.budget().map(budget -> {
            try {
                return new TreeBudget(budget.nodes(), budget.topK(), budget.depth());
            } catch (InvalidRequestException e) {
                throw wrong("budget", e);
            }
        }).orElse(null);
    }

    private ConfigurationException bundleIsNotSet() {
        String property = EagleConfig.property(name, "bundle");
        return new ConfigurationException(property + " is not set, and only dev and test mode build a bundle by themselves;"
                + " build one with `eagle build --checkpoint … --out FOLDER` and set " + property + "=FOLDER",
                Set.of(property));
    }

    private ConfigurationException wrong(String property, RuntimeException cause) {
        String full = EagleConfig.property(name, property);
        return new ConfigurationException(full + " cannot be used: " + cause.getMessage(), cause, Set.of(full));
    }
}
