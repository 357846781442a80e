package io.quarkiverse.eagle.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkiverse.eagle.text.ChatTemplate;
import io.quarkiverse.eagle.triton.TritonEngines;

/** A model with its engines in this process, and the thread that hands over its tokens. */
final class LoadedModel implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(LoadedModel.class);

    private final SpeculativeModel model;
    private final ExecutorService emission;

    private LoadedModel(SpeculativeModel model, ExecutorService emission) {
        this.model = model;
        this.emission = emission;
    }

    /**
     * Opens the bundle that the options name, for one generation at a time; builds the default one when there is none yet. What
     * steps cost is known from earlier starts.
     */
    static LoadedModel open(DecodingOptions options, Terminal terminal) {
        return open(options, terminal, 1, false);
    }

    /**
     * The same for a benchmark: every prompt is read from its beginning, whatever was read before, and what steps cost is
     * measured.
     *
     * @param slots generations that run at once
     */
    static LoadedModel openForMeasuring(DecodingOptions options, Terminal terminal, int slots) {
        return open(options, terminal, slots, true);
    }

    private static LoadedModel open(DecodingOptions options, Terminal terminal, int slots, boolean measuring) {
        Path folder = options.bundle() != null ? options.bundle() : DefaultModel.ensure(terminal);
        Bundle bundle = options.triton() == null ? options.open(folder) : Bundle.openText(folder);
        ExecutorService emission = Executors.newSingleThreadExecutor(task -> daemon(task, "eagle-answer"));
        if (bundle.chatTemplate() != null) {
            daemon(() -> prepareTemplates(bundle.chatTemplate()), "eagle-prepare").start();
        }
        ModelOptions decoding = options.model(emission).withPrefixReuse(!measuring);
        return new LoadedModel(SpeculativeModel.open(bundle, () -> engines(bundle, options, slots),
                measuring ? decoding : decoding.withCosts(decoding.costs().withoutConfirming())), emission);
    }

    private static EnginePair engines(Bundle bundle, DecodingOptions options, int slots) {
        if (options.triton() == null || options.draftModel() != null) {
            UnpackedRuntime.use(DefaultBundle.cacheFolder());
        }
        OnnxRuntimeOptions here = options.engines().withSlots(slots);
        Bundle draftModel = options.draftModel() == null ? null : options.open(options.draftModel());
        if (draftModel != null) {
            OnnxRuntimeEngines.requireSameTokens(bundle, draftModel);
        }
        EnginePair engines = options.triton() == null ? OnnxRuntimeEngines.open(bundle, here)
                : TritonEngines.open(bundle, options.triton().withSlots(slots));
        return draftModel == null ? engines : OnnxRuntimeEngines.withDraftModel(bundle, engines, draftModel, here);
    }

    /** Loads the template engine's many classes while the engines are opened, which keeps one core busy. */
    private static void prepareTemplates(Path template) {
        try {
            ChatTemplate.load(template, null, null).render(List.of(ChatMessage.user("")), true);
        } catch (RuntimeException e) {
            // The model opens the template itself, and then says what is wrong with it.
            LOG.debug("The chat template could not be prepared", e);
        }
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    SpeculativeModel model() {
        return model;
    }

    @Override
    public void close() {
        model.close();
        emission.shutdown();
    }
}
