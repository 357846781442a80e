package io.quarkiverse.eagle.decode;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Supplier;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.FinishReason;
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
import io.quarkiverse.eagle.engine.EngineException;
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

    private static final Logger LOG = Logger.getLogger(SpeculativeModel.class);

    private static final SecureRandom SEEDS = new SecureRandom();

    /** A draft model's steps beyond the prompt have a row per sequence. */
    private static final int DRAFT_MODEL_ROWS = 8;

    /** Time for generations that were cut off to tell their consumers so. */
    private static final long LAST_WORDS_NANOS = 500_000_000;

    private static final Duration STEP_PATIENCE = Duration.ofSeconds(5);

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
    private final OpenStreams openStreams = new OpenStreams();
    /** Closing gave up waiting for a step. */
    private volatile boolean stuck;

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

    private SpeculativeModel(Bundle bundle, EnginePair opened, TextParts text, ModelOptions options) {
        this.manifest = bundle.manifest();
        this.engines = opened.recorded(manifest.name());
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
                draftModel == null ? null : cost("draft model", draftModel, DRAFT_MODEL_ROWS), options.ownDrafters());
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

    /** What one request, and one tenant, may take. */
    public RequestLimits limits() {
        return options.limits();
    }

    /**
     * In how long those who wait now should all have a slot, as fast as slots became free of late; at least a second and at
     * most a minute.
     */
    public Duration timeToClear() {
        return loop.timeToClear();
    }

    /** Whether the model is being closed, or is; requests are refused. */
    public boolean isClosing() {
        return loop.isClosing();
    }

    /** Names of the drafters that it can run. */
    public List<String> drafters() {
        return drafters.available();
    }

    /** What the target's steps cost now: as measured, and corrected by the steps since. */
    public CostCurve targetCosts() {
        return targetCosts.curve();
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

    /** With the model's default number of tokens where none is said; refuses more than the model's limit. */
    private GenerationOptions limited(GenerationOptions generation) {
        RequestLimits limits = options.limits();
        if (generation.maxTokens() == 0) {
            return generation.withMaxTokens(limits.defaultTokens());
        }
        if (limits.tokens() > 0 && generation.maxTokens() > limits.tokens()) {
            throw new InvalidRequestException("max-tokens", "the request asks for up to " + generation.maxTokens()
                    + " tokens, but " + manifest.name() + " gives at most " + limits.tokens()
                    + " (max-tokens); ask for fewer");
        }
        return generation;
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
        int most = options.limits().promptTokens();
        if (most > 0 && ids.length > most) {
            throw new InvalidRequestException("max-prompt-tokens", "the prompt has " + ids.length + " tokens, but "
                    + manifest.name() + " takes at most " + most + " (max-prompt-tokens); shorten it");
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

    /**
     * Fails as {@link #stream} would for a rule of acceptance that goes neither with the drafter nor with the format.
     *
     * @throws InvalidRequestException says why the rule cannot be kept
     */
    public void requireAcceptance(GenerationRequest request) {
        String wanted = request.options().drafter() != null ? request.options().drafter() : options.drafter();
        requireAcceptance(request.options().acceptance(), wanted == null ? drafters.standard().name() : wanted,
                format(request));
    }

    private static void requireAcceptance(Acceptance rule, String drafter, ResponseFormat format) {
        if (rule != Acceptance.REJECTION) {
            return;
        }
        Drafters.requireDraws(drafter);
        if (!(format instanceof ResponseFormat.Text)) {
            throw new InvalidRequestException("acceptance \"rejection\" is for free text, but the answer is held to a"
                    + " format; choose acceptance \"coupled\"");
        }
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
            GenerationOptions generation = limited(request.options());
            if (generation.budget() == null && options.budget() != null) {
                generation = generation.withBudget(options.budget());
            }
            Drafter drafter = drafter(generation.drafter());
            ResponseFormat format = format(request);
            generation = accepting(generation, drafter, format);
            int[] prompt = promptIds(request);
            long seed = generation.seed() == null ? SEEDS.nextLong() : generation.seed();
            DecodeLoop waker = loop;
            stream = new TokenStream(subscriber, options.emission(), waker::wake);
            sequence = new Sequence(prompt, generation, seed, drafter,
                    new TokenSampler(generation, seed, manifest.model().vocabulary(), grammars.start(format)),
                    new IncrementalDetokenizer(tokenizer), new StopMatcher(generation.stop()),
                    request.tools() == null ? null : new ToolCallFinder(request.tools()), stream, cycles,
                    engines.target().shape(), engines.target()::nanoTime, request.tenant(), request.priority());
        } catch (RuntimeException e) {
            subscriber.onSubscribe(new Rejected());
            subscriber.onError(e);
            return;
        }
        openStreams.opened(stream);
        subscriber.onSubscribe(stream);
        OverloadedException refusal = loop.submit(sequence);
        if (refusal != null) {
            stream.fail(refusal);
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

    /** The options with the rule of acceptance in effect, and with what the rule asks for. */
    private GenerationOptions accepting(GenerationOptions wanted, Drafter drafter, ResponseFormat format) {
        requireAcceptance(wanted.acceptance(), drafter.name(), format);
        boolean free = format instanceof ResponseFormat.Text;
        Acceptance rule = !free || !drafter.name().equals(SpeculativeDrafter.NAME) ? Acceptance.COUPLED
                : wanted.acceptance() != null ? wanted.acceptance() : options.acceptance();
        GenerationOptions effective = wanted.withAcceptance(rule);
        boolean repeats = rule == Acceptance.REJECTION && wanted.seed() != null && !wanted.greedy();
        return repeats && wanted.budget() == null ? effective.withBudget(SpeculativeDrafter.REPEATABLE) : effective;
    }

    /**
     * Ends what runs and waits with an error, and returns when that is done; the model stays open for new requests, and forgets
     * what its slots held.
     */
    public void endAll() {
        loop.endAll();
    }

    /**
     * Begins to close: refuses new requests and those that wait with {@link OverloadedException.Reason#SHUTTING_DOWN}. What
     * runs may come to its end within a time, counted from the first call; then it ends with {@link FinishReason#SHUTDOWN} and
     * what
     * it has. Returns at once; {@link #close(Duration)} waits for it.
     */
    public void drain(Duration limit) {
        loop.drain(limit);
    }

    /**
     * Closes gracefully: as {@link #drain} says, then closes the engines. Waits for consumers too, until they have their
     * answers, but hardly longer than the limit and the step that runs then: what they ask for later they still get. When that
     * step does
     * not return, everything fails, and the engines stay open, for they cannot be closed under it.
     */
    public void close(Duration limit) {
        close(limit, STEP_PATIENCE);
    }

    /** @param stepPatience how long to wait for the step that runs when the limit is reached */
    void close(Duration limit, Duration stepPatience) {
        loop.drain(limit);
        long until = loop.drainUntil();
        if (stuck || !loop.awaitEnd(until + stepPatience.toNanos())) {
            stuck = true;
            LOG.errorf("A step of %s does not return; the model is closed as far as possible, but its engines stay open",
                    name());
            openStreams.failAll(new EngineException("the model is closed, and the step that ran did not return"));
            return;
        }
        openStreams.awaitNone(Math.max(until, System.nanoTime() + LAST_WORDS_NANOS));
        release();
    }

    /** Closes at once: stops after the running cycle, fails what runs, refuses what waits, and closes the engines. */
    @Override
    public void close() {
        if (!stuck) {
            loop.stop();
            release();
        }
    }

    private synchronized void release() {
        try {
            keepCosts();
            drafters.closeOwn();
            engines.close();
        } finally {
            tokenizer.close();
        }
    }
}
