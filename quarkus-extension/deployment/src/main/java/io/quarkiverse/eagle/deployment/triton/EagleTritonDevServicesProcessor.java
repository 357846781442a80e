package io.quarkiverse.eagle.deployment.triton;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.deployment.EagleBuildTimeConfig;
import io.quarkiverse.eagle.deployment.EagleBuildTimeConfig.TritonServerKind;
import io.quarkiverse.eagle.deployment.EagleModelsBuildItem;
import io.quarkiverse.eagle.deployment.ModelProperties;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.triton.local.ServerInstallation;
import io.quarkiverse.eagle.triton.local.ServerUnavailableException;
import io.quarkus.deployment.IsDevServicesSupportedByLaunchMode;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.BuildSteps;
import io.quarkus.deployment.builditem.DevServicesResultBuildItem;
import io.quarkus.deployment.builditem.DockerStatusBuildItem;
import io.quarkus.deployment.dev.devservices.DevServicesConfig;

/** Starts a Triton server for models with {@code engine=triton} that name no endpoints, in dev and test mode. */
@BuildSteps(onlyIf = { IsDevServicesSupportedByLaunchMode.class, DevServicesConfig.Enabled.class })
class EagleTritonDevServicesProcessor {

    private static final Logger LOG = Logger.getLogger(EagleTritonDevServicesProcessor.class);
    private static final Path GPU = Path.of("/dev/nvidia0");
    private static final String ENGINE = "engine";
    private static final String ENDPOINTS = "triton.endpoints";
    private static final String TLS = "triton.tls-configuration-name";

    @BuildStep
    void tritonServers(EagleBuildTimeConfig config, EagleModelsBuildItem models, DockerStatusBuildItem docker,
            BuildProducer<DevServicesResultBuildItem> devServices) {
        if (!config.devservices().enabled() || !config.devservices().triton().enabled()) {
            return;
        }
        byBundle(models).forEach((bundle, names) -> devServices
                .produce(service(bundle, names, config.devservices().triton(), docker)));
    }

    /**
     * Models that want a server, by their bundle: models of one bundle share a server, and lease slots of it. These servers do
     * not encrypt, so a model that wants TLS keeps to its own.
     */
    private static Map<Path, List<String>> byBundle(EagleModelsBuildItem models) {
        Map<Path, List<String>> byBundle = new LinkedHashMap<>();
        for (String name : models.names()) {
            if (ModelProperties.value(name, ENGINE).filter("triton"::equalsIgnoreCase).isPresent()
                    && ModelProperties.value(name, ENDPOINTS).isEmpty() && ModelProperties.value(name, TLS).isEmpty()) {
                Path folder = ModelProperties.value(name, "bundle").map(Path::of)
                        .orElseGet(() -> DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE));
                byBundle.computeIfAbsent(folder, each -> new ArrayList<>()).add(name);
            }
        }
        return byBundle;
    }

    private static DevServicesResultBuildItem service(Path bundle, List<String> names,
            EagleBuildTimeConfig.TritonDevServicesConfig config, DockerStatusBuildItem docker) {
        int slots = slots(bundle, names);
        TritonService service = choose(bundle, slots, config, docker);
        boolean embedded = service instanceof EmbeddedInstead;
        Map<String, Function<TritonService, String>> properties = new HashMap<>();
        for (String name : names) {
            properties.put(EagleConfig.property(name, embedded ? ENGINE : ENDPOINTS), TritonService::getConnectionInfo);
        }
        String served = String.join(", ", names);
        return DevServicesResultBuildItem.owned().feature("eagle").serviceName("triton for " + served)
                .description("Engines of " + served)
                .serviceConfig(Map.of("bundle", bundle, "server", service.getClass(), "slots", slots))
                .startable(() -> service)
                .postStartHook(started -> LOG.info("Dev Services for " + served + ": " + started.description()))
                .configProvider(properties)
                .highPriorityConfig(embedded ? properties.keySet() : Set.of()).build();
    }

    /** Room for all models at once, for each leases as many slots as it is configured to have. */
    private static int slots(Path bundle, List<String> names) {
        int ofBundle = Bundle.openText(bundle).manifest().slots();
        return names.stream().mapToInt(name -> ModelProperties.value(name, "slots").map(Integer::valueOf).orElse(ofBundle))
                .sum();
    }

    private static TritonService choose(Path bundle, int slots, EagleBuildTimeConfig.TritonDevServicesConfig config,
            DockerStatusBuildItem docker) {
        TritonServerKind kind = config.server();
        if (kind == TritonServerKind.CONTAINER || kind == TritonServerKind.AUTO && suitsGpu(bundle)
                && Files.exists(GPU) && docker.isContainerRuntimeAvailable()) {
            return new TritonContainer(config.imageName(), bundle, slots);
        }
        if (kind == TritonServerKind.EMBEDDED) {
            return new EmbeddedInstead("quarkus.eagle.devservices.triton.server is embedded");
        }
        try {
            if (!ServerInstallation.isThere(DefaultBundle.cacheFolder())) {
                LOG.info("Installing a Triton server into the user's cache, once; this takes a minute or two");
            }
            return new LocalTriton(ServerInstallation.ensure(DefaultBundle.cacheFolder()), bundle, slots);
        } catch (ServerUnavailableException e) {
            if (kind == TritonServerKind.LOCAL) {
                throw e;
            }
            return new EmbeddedInstead(e.getMessage());
        }
    }

    /** A bundle for CPUs gains nothing from a GPU. */
    private static boolean suitsGpu(Path bundle) {
        return Bundle.openText(bundle).manifest().target().equals("tensorrt");
    }
}
