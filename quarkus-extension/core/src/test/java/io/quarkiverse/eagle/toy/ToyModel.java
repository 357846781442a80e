package io.quarkiverse.eagle.toy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiFunction;
import java.util.stream.Stream;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.RequestLimits;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;

/** A whole model that speaks a {@link ToyLanguage}: a bundle on disk, a tokenizer of letters, target and draft. */
public final class ToyModel implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final ExecutorService EMISSION = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "toy-emission");
        thread.setDaemon(true);
        return thread;
    });

    private final Path folder;
    private final ToyTarget target;
    private final ToyDraft draft;
    private final SpeculativeModel model;

    private ToyModel(Path folder, ToyTarget target, ToyDraft draft, SpeculativeModel model) {
        this.folder = folder;
        this.target = target;
        this.draft = draft;
        this.model = model;
    }

    public static Builder of(ToyLanguage language) {
        return new Builder(language);
    }

    /** The sizes of a model; every one has a default. */
    public static final class Builder {
        private final ToyLanguage language;
        private int slots = 1;
        private int poolSlots;
        private BiFunction<BundleManifest, EnginePair, EnginePair> server = (bundle, engines) -> engines;
        private int maxLength = 320;
        private int maxRows = 128;
        private int targetTopK = 6;
        private int draftTopK = 10;
        private boolean bringsLogits = true;
        private double noise = 0.8;
        private boolean drafts = true;
        private int queueLimit = ModelOptions.DEFAULT_QUEUE_LIMIT;
        private Executor emission = EMISSION;
        private Duration recovery = ModelOptions.DEFAULT_RECOVERY;
        private Duration queueTimeout;
        private String drafter;
        private Acceptance acceptance = Acceptance.COUPLED;
        private boolean prefixReuse = true;
        private RequestLimits limits = RequestLimits.NONE;
        private boolean rowCopying = true;
        private String tokenizer = "letters";

        private Builder(ToyLanguage language) {
            this.language = language;
        }

        public Builder slots(int value) {
            slots = value;
            return this;
        }

        /** Slots of the engines' pools, when they are more than the model's. */
        public Builder poolSlots(int value) {
            poolSlots = value;
            return this;
        }

        /** Puts something between the decoder and the toy engines. */
        public Builder behind(BiFunction<BundleManifest, EnginePair, EnginePair> value) {
            server = value;
            return this;
        }

        public Builder maxLength(int value) {
            maxLength = value;
            return this;
        }

        public Builder maxRows(int value) {
            maxRows = value;
            return this;
        }

        /** How many best tokens the target's rows return. */
        public Builder targetTopK(int value) {
            targetTopK = value;
            return this;
        }

        public Builder draftTopK(int value) {
            draftTopK = value;
            return this;
        }

        /** The target's full logits have to be fetched. */
        public Builder withoutLogits() {
            bringsLogits = false;
            return this;
        }

        /** How wrong the draft is; see {@link ToyDraft}. */
        public Builder noise(double value) {
            noise = value;
            return this;
        }

        public Builder withoutDraft() {
            drafts = false;
            return this;
        }

        public Builder queueLimit(int value) {
            queueLimit = value;
            return this;
        }

        /** How long a lost engine is tried again. */
        public Builder recovery(Duration value) {
            recovery = value;
            return this;
        }

        /** How long a request may wait for a slot. */
        public Builder queueTimeout(Duration value) {
            queueTimeout = value;
            return this;
        }

        /** What requests that do not say are decoded with. */
        public Builder standard(String drafterName, Acceptance rule) {
            drafter = drafterName;
            acceptance = rule;
            return this;
        }

        /** What one request, and one tenant, may take. */
        public Builder limits(RequestLimits value) {
            limits = value;
            return this;
        }

        public Builder withoutPrefixReuse() {
            prefixReuse = false;
            return this;
        }

        /** The target copies no rows between slots. */
        public Builder withoutRowCopying() {
            rowCopying = false;
            return this;
        }

        /** Another tokenizer than that of letters, by its resource's name. */
        public Builder tokenizer(String value) {
            tokenizer = value;
            return this;
        }

        public Builder emission(Executor value) {
            emission = value;
            return this;
        }

        public ToyModel open() {
            Path folder = writeBundle();
            int pool = Math.max(slots, poolSlots);
            ToyTarget target = new ToyTarget(language, pool, maxLength, maxRows, Math.min(targetTopK, language.vocabulary()),
                    bringsLogits);
            ToyDraft draft = drafts
                    ? new ToyDraft(language, pool, maxLength, maxRows, Math.min(draftTopK, language.vocabulary()), noise)
                    : null;
            if (!rowCopying) {
                target.withoutRowCopying();
            }
            BundleManifest manifest = Bundle.open(folder).manifest();
            return new ToyModel(folder, target, draft, SpeculativeModel.open(Bundle.open(folder),
                    () -> server.apply(manifest, new EnginePair(target, draft, drafts ? further(pool) : Map.of())),
                    new ModelOptions(drafter, null, queueLimit, emission).withRecovery(recovery).withQueueTimeout(queueTimeout)
                            .withPrefixReuse(prefixReuse).withAcceptance(acceptance).withLimits(limits)));
        }

        private Map<String, Engine> further(int pool) {
            int topK = Math.min(draftTopK, language.vocabulary());
            return Map.of("medusa", new ToyHeads(language, false, pool, topK, noise),
                    "hydra", new ToyHeads(language, true, pool * topK, topK, noise),
                    "speculative", new ToyTarget(language, pool, maxLength, maxRows,
                            Math.min(targetTopK, language.vocabulary()), bringsLogits, noise));
        }

        private Path writeBundle() {
            try {
                Path folder = Files.createTempDirectory("toy-bundle");
                try (InputStream tokenizer = ToyModel.class.getResourceAsStream("/tokenizers/" + this.tokenizer + ".json")) {
                    Files.copy(tokenizer, folder.resolve(BundleManifest.TOKENIZER));
                }
                Files.createDirectory(folder.resolve("target"));
                Files.createDirectory(folder.resolve("draft"));
                Files.writeString(folder.resolve("target/model.onnx"), "the toy target is written in Java");
                Files.writeString(folder.resolve("draft/model.onnx"), "the toy draft is written in Java");
                Bundle.write(folder, manifest(folder));
                return folder;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private BundleManifest manifest(Path folder) throws IOException {
            List<Integer> endTokens = language.endToken() < 0 ? List.of() : List.of(language.endToken());
            return new BundleManifest(BundleManifest.FORMAT_VERSION, "toy", "toy", drafts ? "toy" : null, "onnxruntime", "fp32",
                    "in-place", maxLength, slots, -1, endTokens,
                    new BundleManifest.Model("toy", language.vocabulary(), ToyEngine.FEATURE_SIZE, 1, 1, 1, 1, 1, 1e-5, 1e4,
                            true),
                    graph("target", targetTopK), drafts ? graph("eagle", draftTopK) : null, null, List.of(),
                    Bundle.describe(folder,
                            List.of(BundleManifest.TOKENIZER, "target/model.onnx", "draft/model.onnx")),
                    null);
        }

        private BundleManifest.Graph graph(String kind, int topK) {
            String file = kind.equals("target") ? "target/model.onnx" : "draft/model.onnx";
            return new BundleManifest.Graph(kind, file, null, 1, 1, 1, "float32", ToyEngine.FEATURE_SIZE, topK,
                    language.vocabulary(), maxRows, List.of(), List.of());
        }
    }

    public SpeculativeModel model() {
        return model;
    }

    public ToyTarget target() {
        return target;
    }

    public ToyDraft draft() {
        return draft;
    }

    /** A request with this prompt. */
    public static GenerationRequest request(int[] prompt, GenerationOptions options) {
        return GenerationRequest.tokens(prompt).with(options);
    }

    /** All tokens of an answer, the last one with the result. */
    public List<GeneratedToken> answer(int[] prompt, GenerationOptions options) {
        return model.stream(request(prompt, options)).collect().asList().await().atMost(PATIENCE);
    }

    /** The token ids of an answer. */
    public int[] ids(int[] prompt, GenerationOptions options) {
        return model.generate(request(prompt, options)).await().atMost(PATIENCE).tokenIds();
    }

    /** A prompt of letters. */
    public static int[] prompt(int length, long seed) {
        return new Random(seed).ints(length, 0, 11).toArray();
    }

    /** Closes the model and tells of any misuse of its engines. */
    @Override
    public void close() {
        model.close();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (target.misuse() != null) {
            throw target.misuse();
        }
        if (draft != null && draft.misuse() != null) {
            throw draft.misuse();
        }
    }
}
