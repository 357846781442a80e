package io.quarkiverse.eagle.runtime;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.DrafterProvider;
import io.quarkus.arc.Arc;
import io.quarkus.arc.InstanceHandle;
import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.runtime.ShutdownContext;
import io.quarkus.runtime.annotations.Recorder;
import io.quarkus.runtime.shutdown.ShutdownListener;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.smallrye.mutiny.infrastructure.Infrastructure;

/** Opens the models when the application starts, so that whatever is wrong with one is said then. */
@Recorder
public class EagleRecorder {

    private static final Logger LOG = Logger.getLogger(EagleRecorder.class);

    /** Looked up on each use: the worker pool is set while the application starts, and is another one after a reload. */
    private static final Executor WORKERS = task -> Infrastructure.getDefaultWorkerPool().execute(task);

    private final RuntimeValue<EagleConfig> config;

    public EagleRecorder(RuntimeValue<EagleConfig> config) {
        this.config = config;
    }

    /**
     * Opens models one after the other; each is closed when the application stops, or when a later one fails. In dev mode a
     * model that has not changed is kept for the next start instead.
     */
    public RuntimeValue<OpenModels> open(List<String> names, Supplier<TlsConfigurationRegistry> tls,
            ShutdownContext shutdown) {
        Map<String, ServedModel> models = new LinkedHashMap<>();
        List<DrafterProvider> own = Arc.container().listAll(DrafterProvider.class).stream().map(InstanceHandle::get).toList();
        // A model with drafters of the application's own must not outlive the application's classes.
        KeptModels kept = own.isEmpty() ? KeptModels.ofThisDevMode() : null;
        for (String name : names) {
            ModelConfig modelConfig = config.getValue().models().get(name);
            ModelOrigin origin = kept == null ? null : ModelOrigin.of(modelConfig);
            SpeculativeModel model = kept == null ? null : kept.take(name, origin);
            ModelOpening opening = new ModelOpening(name, modelConfig, WORKERS, tls, own);
            if (model == null) {
                model = open(opening, modelConfig);
            } else {
                LOG.infof("Model %s stays open from before the reload", model.name());
            }
            ServedModel served = new ServedModel(model, opening);
            shutdown.addShutdownTask(whenStopped(kept, name, origin, model, served));
            served.listen(new GenerationLog(name));
            models.put(name, served);
        }
        if (kept != null) {
            kept.closeAll();
        }
        return new RuntimeValue<>(new OpenModels(models));
    }

    /** Lets generations come to their end before the application stops. In dev mode nobody waits, and models may be kept. */
    public ShutdownListener shutdown(RuntimeValue<OpenModels> models) {
        Map<String, Duration> limits = new LinkedHashMap<>();
        if (LaunchMode.current() != LaunchMode.DEVELOPMENT) {
            models.getValue().all().keySet()
                    .forEach(name -> limits.put(name, config.getValue().models().get(name).shutdownTimeout()));
        }
        return new ModelsShutdown(models.getValue(), limits);
    }

    private static SpeculativeModel open(ModelOpening opening, ModelConfig config) {
        long start = System.nanoTime();
        SpeculativeModel model = opening.open();
        LOG.infof("Model %s opened from %s in %d ms", model.name(), config.bundle().orElseThrow(),
                Duration.ofNanos(System.nanoTime() - start).toMillis());
        return model;
    }

    /** A model whose bundle was exchanged did not come from where it would be opened from again. */
    private static Runnable whenStopped(KeptModels kept, String name, ModelOrigin origin, SpeculativeModel opened,
            ServedModel served) {
        return () -> {
            if (origin != null && served.settle() == opened) {
                kept.park(name, origin, opened);
            } else {
                served.close();
            }
        };
    }

    public Supplier<EagleModel> model(RuntimeValue<OpenModels> models, String name) {
        return () -> models.getValue().get(name);
    }
}
