package io.quarkiverse.eagle.decode;

import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Supplier;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.grammar.TokenGrammars;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.text.ChatTemplate;
import io.quarkiverse.eagle.text.IncrementalDetokenizer;
import io.quarkiverse.eagle.text.StopMatcher;
import io.quarkiverse.eagle.text.TokenBytes;
import io.quarkiverse.eagle.text.Tokenizer;
import io.quarkiverse.eagle.tools.ToolCallFinder;
import io.quarkiverse.eagle.tools.ToolForm;
import io.quarkiverse.eagle.tree.TreeVerifier;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.operators.AbstractMulti;
import io.smallrye.mutiny.subscription.MultiSubscriber;

/** A bundle's model over its engines: prompts in, tokens out. Owns the engines; closing it ends what runs. */
public final class SpeculativeModel implements EagleModel, AutoCloseable {

    private static final SecureRandom SEEDS = new SecureRandom();

    /** A draft model's steps beyond the prompt have a row per sequence. */
    private static final int DRAFT_MODEL_ROWS = 8;

    private final BundleManifest manifest;
    private final EnginePair engines;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final ToolForm toolForm;
    private final TokenGrammars grammars;
    private final ModelOptions options;
    private final Drafters drafters;
    private final StepCosts targetCosts;
    private final SpeculationEconomy economy;
    private final DecodeLoop loop;

    /**
     * Opens a model. Measures the engines' cost curves, which takes about a second.
     *
     * @param bundle the bundle that the engines are opened from
     * @param opener opens the engines, while tokenizer and chat template load beside it; they are taken over: closed with the
     *        model, and when opening fails
     */
    public static SpeculativeModel open(Bundle bundle, Supplier<EnginePair> opener, ModelOptions options) {
        TextParts.Loading text = TextParts.load(bundle);
        EnginePair engines = null;
        try {
            engines = opener.get();
            return new SpeculativeModel(bundle, engines, text.await(), options);
        } catch (RuntimeException | Error e) {
            text.abandon();
            if (engines != null) {
                engines.close();
            }
            throw e;
        }
    }

    private SpeculativeModel(Bundle bundle, EnginePair engines, TextParts text, ModelOptions options) {
        this.manifest = bundle.manifest();
        this.engines = engines;
        this.options = options;
        this.tokenizer = text.tokenizer();
        this.template = text.template();
        this.toolForm = ToolForm.of(template.source());
        this.grammars = new TokenGrammars(() -> TokenBytes.load(bundle.tokenizer()),
                manifest.eosIds().stream().mapToInt(Integer::intValue).toArray(), manifest.model().vocabulary());
        this.targetCosts = new StepCosts(cost("target", engines.target(), engines.target().shape().maxRows()));
        this.economy = engines.draft() == null ? null
                : new SpeculationEconomy(targetCosts,
                        new StepCosts(cost("draft", engines.draft(), engines.draft().shape().topK())),
                        manifest.acceptance());
        Engine draftModel = engines.further().get(SpeculativeDrafter.NAME);
        this.drafters = new Drafters(manifest.name(), engines.target().shape().slots(), targetCosts, engines, economy,
                draftModel == null ? null : cost("draft model", draftModel, DRAFT_MODEL_ROWS));
        drafter(null);
        this.loop = new DecodeLoop(manifest.name(), engines.target(), TreeVerifier.EndTokens.of(manifest.eosIds()),
                options, targetCosts, economy == null ? null : economy.draft());
        loop.start();
    }

    private CostCurve cost(String role, Engine engine, int mostRows) {
        return options.costs() == null ? CostMeasurement.measure(engine, mostRows)
                : options.costs().curve(costsName(role), engine, mostRows);
    }

    private String costsName(String role) {
        return manifest.checksum() + " " + role;
    }

    /** What the steps of this run have taught is where the next start begins. */
    private void keepCosts() {
        if (options.costs() == null) {
            return;
        }
        keepCosts("target", targetCosts);
        if (economy != null) {
            keepCosts("draft", economy.draft());
        }
    }

    private void keepCosts(String role, StepCosts costs) {
        if (costs.nanos() > 0) {
            options.costs().keep(costsName(role), costs.curve());
        }
    }

    @Override
    public String name() {
        return manifest.name();
    }

    /** The bundle's manifest. */
    public BundleManifest manifest() {
        return manifest;
    }

    /** Generations that run at once. */
    public int slots() {
        return engines.target().shape().slots();
    }

    /** Slots that generations hold at this moment. */
    public int slotsInUse() {
        return loop.slotsInUse();
    }

    /** Requests that wait for their first slot at this moment. */
    public int queued() {
        return loop.queued();
    }

    /** The costs that budgets are chosen by, and what was learned of acceptance; null without a draft. */
    public SpeculationEconomy economy() {
        return economy;
    }

    @Override
    public Multi<GeneratedToken> stream(GenerationRequest request) {
        return stream(request, null);
    }

    /** Streams a generation whose draft-verify cycles are shown to a listener; null for none. */
    public Multi<GeneratedToken> stream(GenerationRequest request, CycleListener cycles) {
        return Infrastructure.onMultiCreation(new AbstractMulti<GeneratedToken>() {
            @Override
            public void subscribe(MultiSubscriber<? super GeneratedToken> subscriber) {
                SpeculativeModel.this.subscribe(request, cycles, subscriber);
            }
        });
    }

    @Override
    public Uni<GenerationResult> generate(GenerationRequest request) {
        return stream(request).collect().last().map(GeneratedToken::result);
    }

    /** The token ids that a request's prompt becomes; fails as {@link #stream} would. */
    public int[] promptIds(GenerationRequest request) {
        int[] ids;
        if (request.tokenIds() != null) {
            ids = request.tokenIds();
            for (int id : ids) {
                if (id < 0 || id >= manifest.model().vocabulary()) {
                    throw new InvalidRequestException("token id " + id + " is not in the model's vocabulary of "
                            + manifest.model().vocabulary());
                }
            }
        } else if (request.messages() != null) {
            if (request.messages().isEmpty()) {
                throw new InvalidRequestException("the chat has no messages; send at least one");
            }
            ids = tokenizer.encode(template.render(toolForm.messages(request.messages(), request.tools()), true,
                    request.tools() == null || toolForm == ToolForm.TOLD ? List.of() : request.tools().tools()), false);
        } else {
            ids = tokenizer.encode(request.text(), true);
        }
        if (ids.length == 0) {
            throw new InvalidRequestException("the prompt is empty; give at least one token");
        }
        if (ids.length >= manifest.maxLength()) {
            throw new InvalidRequestException("the prompt has " + ids.length + " tokens, but the model takes at most "
                    + (manifest.maxLength() - 1) + " and needs room for an answer; shorten it, or build the bundle with a"
                    + " larger --max-length");
        }
        return ids;
    }

    /**
     * Fails as {@link #stream} would for a format that cannot be kept, that of a required tool call included.
     *
     * @throws InvalidRequestException says what of the format cannot be kept
     */
    public void requireFormat(GenerationRequest request) {
        grammars.start(format(request));
    }

    private ResponseFormat format(GenerationRequest request) {
        ResponseFormat asked = request.options().format();
        if (request.tools() == null || !request.tools().required()) {
            return asked;
        }
        if (!(asked instanceof ResponseFormat.Text)) {
            throw new InvalidRequestException("a tool has to be called, and the answer is to have a format of its own; leave"
                    + " one of them out");
        }
        return toolForm.required(request.tools());
    }

    /** The text of tokens, special ones included; bytes that make no character alone become U+FFFD. */
    public String text(int... tokens) {
        return tokenizer.decode(tokens, false);
    }

    private void subscribe(GenerationRequest request, CycleListener cycles,
            Flow.Subscriber<? super GeneratedToken> subscriber) {
        Sequence sequence;
        TokenStream stream;
        try {
            GenerationOptions generation = request.options();
            if (generation.budget() == null && options.budget() != null) {
                generation = generation.withBudget(options.budget());
            }
            Drafter drafter = drafter(generation.drafter());
            int[] prompt = promptIds(request);
            long seed = generation.seed() == null ? SEEDS.nextLong() : generation.seed();
            DecodeLoop waker = loop;
            stream = new TokenStream(subscriber, options.emission(), waker::wake);
            sequence = new Sequence(prompt, generation, seed, drafter,
                    new TokenSampler(generation, seed, manifest.model().vocabulary(), grammars.start(format(request))),
                    new IncrementalDetokenizer(tokenizer), new StopMatcher(generation.stop()),
                    request.tools() == null ? null : new ToolCallFinder(request.tools()), stream, cycles,
                    engines.target().shape(), request.tenant());
        } catch (RuntimeException e) {
            subscriber.onSubscribe(new Rejected());
            subscriber.onError(e);
            return;
        }
        subscriber.onSubscribe(stream);
        if (!loop.submit(sequence)) {
            stream.fail(new OverloadedException(options.queueLimit() + " requests wait for " + manifest.name()
                    + " already, or it is closing; try again later"));
        }
    }

    /** The subscription of a request that was refused. */
    private static final class Rejected implements Flow.Subscription {
        @Override
        public void request(long n) {
            // Nothing will come but the error.
        }

        @Override
        public void cancel() {
            // There is nothing to free.
        }
    }

    private Drafter drafter(String wanted) {
        String name = wanted != null ? wanted : options.drafter();
        return name == null ? drafters.standard() : drafters.named(name);
    }

    /** Stops decoding, fails what runs and waits, and closes the engines. */
    @Override
    public void close() {
        loop.stop();
        try {
            keepCosts();
            engines.close();
        } finally {
            tokenizer.close();
        }
    }
}
