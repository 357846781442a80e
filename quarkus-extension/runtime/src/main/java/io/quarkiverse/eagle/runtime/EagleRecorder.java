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
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.runtime.ShutdownContext;
import io.quarkus.runtime.annotations.Recorder;
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

    /** Opens models one after the other; each is closed when the application stops, or when a later one fails. */
    public RuntimeValue<OpenModels> open(List<String> names, Supplier<TlsConfigurationRegistry> tls,
            ShutdownContext shutdown) {
        Map<String, ServedModel> models = new LinkedHashMap<>();
        for (String name : names) {
            long start = System.nanoTime();
            ModelConfig modelConfig = config.getValue().models().get(name);
            SpeculativeModel model = new ModelOpening(name, modelConfig, WORKERS, tls).open();
            shutdown.addShutdownTask(model::close);
            LOG.infof("Model %s opened from %s in %d ms", model.name(), modelConfig.bundle().orElseThrow(),
                    Duration.ofNanos(System.nanoTime() - start).toMillis());
            ServedModel served = new ServedModel(model);
            served.listen(new GenerationLog(name));
            models.put(name, served);
        }
        return new RuntimeValue<>(new OpenModels(models));
    }

    public Supplier<EagleModel> model(RuntimeValue<OpenModels> models, String name) {
        return () -> models.getValue().get(name);
    }
}
