package io.quarkiverse.eagle.onnxruntime;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

import org.jboss.logging.Logger;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/** Opens the engines of a bundle in this process. */
public final class OnnxRuntimeEngines {

    private static final Logger LOG = Logger.getLogger(OnnxRuntimeEngines.class);

    private OnnxRuntimeEngines() {
    }

    /**
     * Opens target, draft and heads. Their weights are mapped, not read; shared tables are mapped once.
     *
     * @throws BundleException when the bundle is not made for this runtime
     * @throws EngineException when a session cannot be made
     */
    public static EnginePair open(Bundle bundle, OnnxRuntimeOptions options) {
        BundleManifest manifest = bundle.manifest();
        if (!"onnxruntime".equals(manifest.target()) || !"in-place".equals(manifest.update())) {
            throw new BundleException(bundle.folder() + " is made for " + manifest.target() + " with " + manifest.update()
                    + " update; in-process engines need one built with --for onnxruntime --update in-place");
        }
        RuntimeEnvironment runtime = RuntimeEnvironment.get(options);
        try {
            boolean signed = manifest.knownAnswer() == null
                    || IntegerKernels.signedIsExact(runtime, bundle.file(manifest.knownAnswer()), options);
            LOG.debugf("%s: %s weights", manifest.name(), signed ? "signed" : "unsigned");
            return open(bundle, options, signed);
        } catch (OrtException e) {
            throw cannotOpen(bundle, e);
        }
    }

    /** @param signed whether int8 weights are used as they are, or in unsigned form */
    static EnginePair open(Bundle bundle, OnnxRuntimeOptions options, boolean signed) {
        BundleManifest manifest = bundle.manifest();
        int slots = options.slots() == 0 ? manifest.slots() : options.slots();
        RuntimeEnvironment runtime = RuntimeEnvironment.get(options);
        SharedWeights weights = new SharedWeights(runtime.environment(), bundle);
        List<Engine> opened = new ArrayList<>();
        try {
            opened.add(open(runtime, bundle, manifest.targetGraph(), weights, options, signed, slots));
            if (manifest.draftGraph() != null) {
                opened.add(open(runtime, bundle, manifest.draftGraph(), weights, options, signed, slots));
            }
            Map<String, Engine> heads = new HashMap<>();
            for (BundleManifest.Graph head : manifest.heads()) {
                // Hydra's engine takes the nodes to expand of all sequences as sequences of their own.
                int nodes = head.kind().equals("hydra") ? slots * head.topK() : slots;
                Engine engine = open(runtime, bundle, head, weights, options, signed, nodes);
                opened.add(engine);
                heads.put(head.kind(), engine);
            }
            return new EnginePair(new WithWeights(opened.get(0), weights),
                    manifest.draftGraph() == null ? null : opened.get(1), heads);
        } catch (OrtException | IOException e) {
            close(opened, weights);
            throw cannotOpen(bundle, e);
        } catch (RuntimeException | Error e) {
            close(opened, weights);
            throw e;
        }
    }

    private static void close(List<Engine> opened, SharedWeights weights) {
        opened.forEach(Engine::close);
        weights.close();
    }

    /**
     * Opens engines and a draft model's engine beside them, for the drafter {@code speculative}.
     *
     * @param target the bundle whose text is decoded
     * @param draft the bundle of a small language model with the same tokenizer; of its engines only the target is opened
     * @param engines the engines of {@code target}, wherever they run; closed when the draft model does not fit
     */
    public static EnginePair withDraftModel(Bundle target, EnginePair engines, Bundle draft, OnnxRuntimeOptions options) {
        try {
            requireSameTokens(target, draft);
            EnginePair small = open(draft, options.withSlots(engines.target().shape().slots()));
            if (small.draft() != null) {
                small.draft().close();
            }
            small.further().values().forEach(Engine::close);
            return engines.with("speculative", small.target());
        } catch (RuntimeException e) {
            engines.close();
            throw e;
        }
    }

    /**
     * Fails unless a draft model has the target's tokens. {@link #withDraftModel} checks it too; who asks first opens no engine
     * in vain.
     *
     * @throws BundleException when vocabulary or tokenizer are others
     */
    public static void requireSameTokens(Bundle target, Bundle draft) {
        int wanted = target.manifest().model().vocabulary();
        int found = draft.manifest().model().vocabulary();
        if (wanted != found) {
            throw new BundleException("the draft model " + draft.folder() + " has a vocabulary of " + found + ", but "
                    + target.manifest().name() + " has " + wanted + "; take a draft model with the target's tokenizer");
        }
        if (!tokenizerHash(target).equals(tokenizerHash(draft))) {
            throw new BundleException("the draft model " + draft.folder() + " has another tokenizer.json than "
                    + target.folder() + " (SHA-256 " + tokenizerHash(draft) + ", expected " + tokenizerHash(target)
                    + "); take a draft model with the target's tokenizer");
        }
    }

    private static String tokenizerHash(Bundle bundle) {
        return bundle.manifest().files().stream().filter(file -> file.path().equals(BundleManifest.TOKENIZER)).findFirst()
                .orElseThrow().sha256();
    }

    private static EngineException cannotOpen(Bundle bundle, Exception e) {
        return new EngineException("the engines of " + bundle.folder() + " cannot be opened: " + e.getMessage(), e);
    }

    private static Engine open(RuntimeEnvironment runtime, Bundle bundle, BundleManifest.Graph graph, SharedWeights weights,
            OnnxRuntimeOptions options, boolean signed, int slots) throws OrtException, IOException {
        List<OnnxTensor> flipped = List.of();
        try (OrtSession.SessionOptions session = runtime.sessionOptions(options)) {
            if (!signed) {
                flipped = weights.flip(graph, session);
            }
            String file = bundle.file(signed ? graph.file() : graph.unsignedFile()).toString();
            Map<String, OnnxTensor> shared = weights.inputs(graph);
            return new OnnxRuntimeEngine(runtime.environment(), runtime.environment().createSession(file, session), graph,
                    shared, slots, bundle.manifest().maxLength());
        } finally {
            flipped.forEach(OnnxTensor::close);
        }
    }

    /** The engine that is closed last takes the shared weights with it. */
    private record WithWeights(Engine engine, SharedWeights weights) implements Engine {

        @Override
        public EngineShape shape() {
            return engine.shape();
        }

        @Override
        public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
            return engine.step(request, result);
        }

        @Override
        public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
            return engine.fetchLogits(result, b, r);
        }

        @Override
        public Optional<RowCopying> rowCopying() {
            return engine.rowCopying();
        }

        @Override
        public void close() {
            engine.close();
            weights.close();
        }
    }
}
