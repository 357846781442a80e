package io.quarkiverse.eagle.deployment;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkus.deployment.IsDevServicesSupportedByLaunchMode;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.BuildSteps;
import io.quarkus.deployment.builditem.DevServicesResultBuildItem;
import io.quarkus.deployment.dev.devservices.DevServicesConfig;
import io.quarkus.runtime.configuration.ConfigurationException;

/** Gives models without a bundle the default one, in dev and test mode. */
@BuildSteps(onlyIf = { IsDevServicesSupportedByLaunchMode.class, DevServicesConfig.Enabled.class })
class EagleDevServicesProcessor {

    private static final String BUNDLE = "bundle";

    @BuildStep
    void defaultBundle(EagleBuildTimeConfig config, EagleModelsBuildItem models,
            BuildProducer<DevServicesResultBuildItem> devServices) {
        List<String> unset = models.names().stream().filter(name -> ModelProperties.value(name, BUNDLE).isEmpty()).toList();
        if (!config.devservices().enabled() || unset.isEmpty()) {
            return;
        }
        Path bundle = build(EagleConfig.property(unset.get(0), BUNDLE));
        Map<String, String> properties = new HashMap<>();
        unset.forEach(name -> properties.put(EagleConfig.property(name, BUNDLE), bundle.toString()));
        devServices.produce(DevServicesResultBuildItem.discovered().feature(EagleProcessor.FEATURE)
                .description("The default bundle, SmolLM2-135M-Instruct with a draft head").config(properties).build());
    }

    private static Path build(String unset) {
        try {
            return DefaultBundle.ensure(DefaultBundle.cacheFolder(), new LoggedProgress());
        } catch (RuntimeException e) {
            throw new ConfigurationException(unset + " is not set, and the default bundle cannot take its place: "
                    + e.getMessage() + "; set " + unset + ", or quarkus.eagle.devservices.enabled=false", e, Set.of(unset));
        }
    }
}
