package io.quarkiverse.eagle.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

import javax.net.ssl.SSLContext;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.ReloadableModel;
import io.quarkiverse.eagle.decode.ReplicaStatus;
import io.quarkiverse.eagle.decode.RequestLimits;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.DrafterProvider;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkiverse.eagle.triton.TritonEngines;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.quarkiverse.eagle.triton.client.TritonTls;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.quarkus.tls.TlsConfiguration;
import io.quarkus.tls.TlsConfigurationRegistry;

/**
 * From a model's configuration to the open model. Checks what is cheap to check first; every error names the property to
 * change and keeps the sentence of its cause.
 */
final class ModelOpening {

    private static final Logger LOG = Logger.getLogger(ModelOpening.class);

    private final String name;
    private final ModelConfig config;
    private final Executor emission;
    private final Supplier<TlsConfigurationRegistry> tls;
    private final List<DrafterProvider> ownDrafters;

    /**
     * @param emission runs the subscribers of the model
     * @param tls the application's TLS configurations, looked at when the model wants one
     * @param ownDrafters bring drafters of the application's own
     */
    ModelOpening(String name, ModelConfig config, Executor emission, Supplier<TlsConfigurationRegistry> tls,
            List<DrafterProvider> ownDrafters) {
        this.tls = tls;
        this.ownDrafters = ownDrafters;
        this.name = name;
        this.config = config;
        this.emission = emission;
    }

    /** @throws ConfigurationException a property is missing or wrong, or what it points to is */
    SpeculativeModel open() {
        return open(null, configuredEndpoints());
    }

    /**
     * Puts the model of a folder in service, with everything else as it was configured when the application started. Where the
     * model is spread, at the endpoints that serve it now.
     *
     * @param bundle null for the configured folder
     * @throws EngineException it cannot be opened; what served before serves on
     * @throws IllegalStateException this is no time for a reload
     */
    void reload(ReloadableModel model, Path bundle) {
        long start = System.nanoTime();
        model.reload(() -> open(bundle, endpointsOf(model.model())), config.reloadTimeout());
        LOG.infof("Model %s reloaded from %s in %d ms; %d requests end on the bundle before", model.name(),
                bundle == null ? config.bundle().orElseThrow() : bundle,
                Duration.ofNanos(System.nanoTime() - start).toMillis(), model.replacedRequests());
    }

    private List<String> endpointsOf(SpeculativeModel serving) {
        if (!isSpread()) {
            return configuredEndpoints();
        }
        return serving.replicas().stream().filter(replica -> replica.state() != ReplicaStatus.State.DRAINING)
                .map(ReplicaStatus::name).toList();
    }

    private SpeculativeModel open(Path chosen, List<String> endpoints) {
        Map<String, Opener> engines = engines(endpoints);
        ModelOptions options = options();
        Path folder = real(chosen != null ? chosen : config.bundle().orElseThrow(this::bundleIsNotSet));
        try {
            Bundle bundle = config.engine() == ModelConfig.EngineKind.TRITON ? Bundle.openText(folder) : Bundle.open(folder);
            Bundle draft = draftBundle(bundle);
            Map<String, Supplier<EnginePair>> openers = new LinkedHashMap<>();
            engines.forEach((replica, opener) -> openers.put(replica,
                    () -> withDraftModel(bundle, opener.open(bundle), draft)));
            return SpeculativeModel.open(bundle, openers, options);
        } catch (ConfigurationException e) {
            throw e;
        } catch (EnginesAwayException e) {
            throw wrong("triton", e);
        } catch (InvalidRequestException e) {
            throw wrong("drafter", e);
        } catch (RuntimeException e) {
            throw chosen == null ? wrong("bundle", e) : e;
        }
    }

    /** Where a link leads now: it may lead elsewhere when the bundle's files are needed again. */
    private static Path real(Path folder) {
        if (!Files.exists(folder.resolve(BundleManifest.FILE))) {
            return folder; // opening it says what is wrong, with the path as it was configured
        }
        try {
            return folder.toRealPath();
        } catch (IOException e) {
            return folder;
        }
    }

    /**
     * Lets one more Triton server serve the model in service, as {@code spread} says.
     *
     * @param endpoint as in the property {@code triton.endpoints}
     * @throws ConfigurationException the model is not spread, or the endpoint is none, or serves another bundle
     * @throws IllegalArgumentException it serves the model already
     * @throws IllegalStateException a reload is under way, or the model is being closed
     */
    void addEndpoint(ReloadableModel model, String endpoint) {
        if (!isSpread()) {
            String property = EagleConfig.property(name, "triton.spread");
            throw new ConfigurationException(endpoint + " cannot be added: " + model.name() + " is not spread over endpoints;"
                    + " set " + property + "=true, and the engine to triton", Set.of(property));
        }
        Map.Entry<String, Opener> added = spread(List.of(endpoint), positive("slots", config.slots())).entrySet().iterator()
                .next();
        model.change(serving -> {
            Bundle draft = draftBundle(serving.bundle());
            try {
                serving.addReplica(added.getKey(),
                        () -> withDraftModel(serving.bundle(), added.getValue().open(serving.bundle()), draft));
            } catch (EnginesAwayException e) {
                throw wrong("triton", e);
            }
        });
    }

    private boolean isSpread() {
        return config.engine() == ModelConfig.EngineKind.TRITON && config.triton().spread();
    }

    private List<String> configuredEndpoints() {
        return config.triton().endpoints().orElse(List.of(ModelConfig.TritonConfig.STANDARD_ENDPOINT));
    }

    private ModelOptions options() {
        ModelOptions options = new ModelOptions(null, budget(),
                positive("queue-limit", OptionalInt.of(config.queueLimit())), emission)
                .withRecovery(config.recovery()).withPrefixReuse(config.prefixReuse())
                .withHalfBatching(config.halfBatching())
                .withQueueTimeout(config.queueTimeout().map(time -> positive("queue-timeout", time)).orElse(null))
                .withLimits(limits()).withOwnDrafters(ownDrafters);
        try {
            options = options.withDrafter(config.drafter().orElse(null));
        } catch (InvalidRequestException e) {
            throw wrong("drafter", e);
        }
        try {
            return options.withAcceptance(config.acceptance());
        } catch (InvalidRequestException e) {
            throw wrong("acceptance", e);
        }
    }

    private RequestLimits limits() {
        requireNotNegative("shutdown-timeout", config.shutdownTimeout());
        requireNotNegative("reload-timeout", config.reloadTimeout());
        return RequestLimits.NONE
                .withTokens(positive("max-prompt-tokens", config.maxPromptTokens()), positive("max-tokens", config.maxTokens()),
                        positive("default-max-tokens", OptionalInt.of(config.defaultMaxTokens())))
                .withTenants(positive("tenant-limit", config.tenantLimit()),
                        positive("tenant-queue-limit", config.tenantQueueLimit()))
                .withIdleConsumers(positive("parking-timeout", config.parkingTimeout()), config.abandonmentTimeout()
                        .map(time -> positive("abandonment-timeout", time)).orElse(null));
    }

    /** The bundle of the draft model, null without one; one with other tokens is refused before any engine is opened. */
    private Bundle draftBundle(Bundle bundle) {
        if (config.draftBundle().isEmpty()) {
            return null;
        }
        try {
            Bundle draft = Bundle.open(config.draftBundle().get());
            OnnxRuntimeEngines.requireSameTokens(bundle, draft);
            return draft;
        } catch (RuntimeException e) {
            throw wrong("draft-bundle", e);
        }
    }

    private EnginePair withDraftModel(Bundle bundle, EnginePair engines, Bundle draft) {
        if (draft == null) {
            return engines;
        }
        try {
            return OnnxRuntimeEngines.withDraftModel(bundle, engines, draft,
                    new OnnxRuntimeOptions(0, positive("threads", config.threads()), config.spinning()));
        } catch (RuntimeException e) {
            engines.close();
            throw wrong("draft-bundle", e);
        }
    }

    /** From a bundle to its engines. */
    private interface Opener {
        EnginePair open(Bundle bundle);
    }

    /** Checks what the engines are opened with, before anything is opened; one of them per replica, by its name. */
    private Map<String, Opener> engines(List<String> endpoints) {
        int slots = positive("slots", config.slots());
        int threads = positive("threads", config.threads());
        return switch (config.engine()) {
            case ONNXRUNTIME -> {
                OnnxRuntimeOptions options = new OnnxRuntimeOptions(slots, threads, config.spinning());
                yield Map.of(SpeculativeModel.FIRST_REPLICA, bundle -> OnnxRuntimeEngines.open(bundle, options));
            }
            case TRITON -> {
                if (config.triton().spread()) {
                    yield spread(endpoints, slots);
                }
                TritonOptions options = triton(endpoints).withSlots(slots);
                yield Map.of(SpeculativeModel.FIRST_REPLICA, bundle -> atTriton(bundle, options));
            }
        };
    }

    /** A replica per endpoint, whose name it has. */
    private Map<String, Opener> spread(List<String> endpoints, int slots) {
        Map<String, Opener> replicas = new LinkedHashMap<>();
        for (String endpoint : endpoints) {
            TritonOptions options = triton(List.of(endpoint)).withSlots(slots);
            String replica = options.client().endpoints().get(0).toString();
            if (replicas.put(replica, bundle -> atTriton(bundle, options)) != null) {
                throw wrong("triton.endpoints", new IllegalArgumentException(replica + " is named twice"));
            }
        }
        return replicas;
    }

    private EnginePair atTriton(Bundle bundle, TritonOptions options) {
        try {
            return TritonEngines.open(bundle, options);
        } catch (EnginesAwayException e) {
            throw e; // another endpoint may be there
        } catch (EngineException e) {
            throw wrong("triton", e);
        }
    }

    private TritonOptions triton(List<String> endpoints) {
        ModelConfig.TritonConfig triton = config.triton();
        try {
            TritonClientOptions client = TritonClientOptions.of(endpoints.toArray(String[]::new))
                    .withHeaders(triton.headers()).withCallTimeout(triton.callTimeout())
                    .withKeepAlive(triton.keepAlive(), triton.keepAliveTimeout());
            if (triton.tlsConfigurationName().isPresent()) {
                client = client.withTls(TritonTls.of(sslContext(triton.tlsConfigurationName().get())));
            }
            return TritonOptions.of(client).withStepTimeout(triton.stepTimeout()).withSharedMemory(triton.sharedMemory())
                    .withDrafting(triton.drafting());
        } catch (IllegalArgumentException e) {
            throw wrong("triton", e);
        }
    }

    private SSLContext sslContext(String configuration) {
        String property = EagleConfig.property(name, "triton.tls-configuration-name");
        TlsConfiguration found = tls.get().get(configuration).orElseThrow(() -> new ConfigurationException(property + " is "
                + configuration + ", but there is no such TLS configuration; add quarkus.tls.\"" + configuration + "\".…",
                Set.of(property)));
        try {
            return found.createSSLContext();
        } catch (Exception e) {
            throw new ConfigurationException(property + " is " + configuration + ", which cannot be used: " + e.getMessage(), e,
                    Set.of(property));
        }
    }

    /** The value, or 0 for the engine's own default when it is not set. */
    private int positive(String property, OptionalInt value) {
        if (value.isPresent() && value.getAsInt() < 1) {
            String full = EagleConfig.property(name, property);
            throw new ConfigurationException(full + " is " + value.getAsInt() + "; it must be at least 1", Set.of(full));
        }
        return value.orElse(0);
    }

    private Duration positive(String property, Duration value) {
        if (value.isNegative() || value.isZero()) {
            String full = EagleConfig.property(name, property);
            throw new ConfigurationException(full + " is " + value + "; it must be positive", Set.of(full));
        }
        return value;
    }

    private void requireNotNegative(String property, Duration value) {
        if (value.isNegative()) {
            String full = EagleConfig.property(name, property);
            throw new ConfigurationException(full + " is " + value + "; it must not be negative", Set.of(full));
        }
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
