package io.quarkiverse.eagle.decode;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.IntUnaryOperator;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;

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
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.PlainDrafter;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.grammar.TokenGrammars;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.text.ChatTemplate;
import io.quarkiverse.eagle.text.IncrementalDetokenizer;
import io.quarkiverse.eagle.text.StopMatcher;
import io.quarkiverse.eagle.text.TokenBytes;
import io.quarkiverse.eagle.text.Tokenizer;
import io.quarkiverse.eagle.tools.ToolCallFinder;
import io.quarkiverse.eagle.tools.ToolForm;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.operators.AbstractMulti;
import io.smallrye.mutiny.subscription.MultiSubscriber;

/**
 * A bundle's model over its engines: prompts in, tokens out. Owns the engines; closing it ends what runs. It may have several
 * sets of engines, its replicas: a request goes to the one where requests with the same beginning went before, unless that one
 * has much more to do than the others, is lost, or is about to leave. Replicas come and go while the model serves.
 */
public final class SpeculativeModel implements EagleModel, AutoCloseable {

    /** The replica of a model that was opened without a name for it. */
    public static final String FIRST_REPLICA = "first";

    private static final Logger LOG = Logger.getLogger(SpeculativeModel.class);

    private static final SecureRandom SEEDS = new SecureRandom();

    private static final Duration STEP_PATIENCE = Duration.ofSeconds(5);

    /** For what just comes to a replica that is let go because its steps fail. */
    private static final Duration FAILING_PATIENCE = Duration.ofSeconds(1);

    private final Bundle bundle;
    private final BundleManifest manifest;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final ToolForm toolForm;
    private final TokenGrammars grammars;
    private final ModelOptions options;
    /** Never empty; a new list whenever one comes or goes. */
    private volatile List<Replica> replicas = List.of();
    private final AbsentReplicas absent;
    private final PrefixHomes homes = new PrefixHomes();
    private volatile boolean closing;

    /**
     * Opens a model. Measures the engines' cost curves, which takes about a second.
     *
     * @param bundle the bundle that the engines are opened from
     * @param opener opens the engines, while tokenizer and chat template load beside it; they are taken over: closed with the
     *        model, and when opening fails
     */
    public static SpeculativeModel open(Bundle bundle, Supplier<EnginePair> opener, ModelOptions options) {
        return open(bundle, Map.of(FIRST_REPLICA, opener), options);
    }

    /**
     * Opens a model over several replicas, one after the other. Each has slots, a queue and limits of tenants of its own. Those
     * that are away ({@link EnginesAwayException}) are tried again later, as long as one is there.
     *
     * @param bundle the bundle that all engines are opened from
     * @param openers by the replica's name: opens its engines, which are taken over; called again when it was away, or had to
     *        be
     *        closed because its steps failed
     */
    public static SpeculativeModel open(Bundle bundle, Map<String, Supplier<EnginePair>> openers, ModelOptions options) {
        if (openers.isEmpty()) {
            throw new IllegalArgumentException("a model has at least one replica; give the engines of one");
        }
        TextParts.Loading text = TextParts.load(bundle);
        List<Replica> opened = new ArrayList<>();
        Map<String, Supplier<EnginePair>> away = new LinkedHashMap<>();
        try {
            EngineException reason = null;
            for (Map.Entry<String, Supplier<EnginePair>> opener : openers.entrySet()) {
                try {
                    opened.add(replica(opener.getKey(), bundle.manifest(), opener.getValue(), options));
                } catch (EnginesAwayException | PoolLostException e) {
                    reason = e;
                    away.put(opener.getKey(), opener.getValue());
                }
            }
            if (opened.isEmpty()) {
                throw reason;
            }
            if (reason != null) {
                LOG.warnf("%s opens without %s, which will be tried again: %s", bundle.manifest().name(), away.keySet(),
                        reason.getMessage());
            }
            SpeculativeModel model = new SpeculativeModel(bundle, opened, text.await(), options);
            opened.forEach(model::start);
            away.forEach(model.absent::await);
            return model;
        } catch (RuntimeException | Error e) {
            text.abandon();
            opened.forEach(Replica::stop);
            throw e;
        }
    }

    private static Replica replica(String name, BundleManifest manifest, Supplier<EnginePair> opener, ModelOptions options) {
        EnginePair engines = opener.get();
        try {
            return new Replica(name, opener, manifest, engines, options);
        } catch (RuntimeException | Error e) {
            engines.close();
            throw e;
        }
    }

    private SpeculativeModel(Bundle bundle, List<Replica> opened, TextParts text, ModelOptions options) {
        this.bundle = bundle;
        this.manifest = bundle.manifest();
        this.options = options;
        this.tokenizer = text.tokenizer();
        this.template = text.template();
        this.toolForm = ToolForm.of(template.source());
        this.grammars = new TokenGrammars(() -> TokenBytes.load(bundle.tokenizer()),
                manifest.eosIds().stream().mapToInt(Integer::intValue).toArray(), manifest.model().vocabulary());
        this.absent = new AbsentReplicas(manifest.name(), this::addAbsent);
        this.replicas = List.copyOf(opened);
    }

    private void start(Replica replica) {
        replica.start(new DecodeLoop.Neighbourhood() {
            @Override
            public boolean takes(Sequence sequence) {
                return moveElsewhere(replica, sequence);
            }

            @Override
            public void fails() {
                letGo(replica);
            }

            @Override
            public void left(Sequence sequence) {
                if (replicas.size() > 1) {
                    homes.went(PrefixHomes.beginnings(sequence.tenant(), sequence::token, sequence.length()),
                            replica.identity());
                }
            }
        });
    }

    /** The model's replicas as they are now. */
    public synchronized List<ReplicaStatus> replicas() {
        return Stream.concat(replicas.stream().map(Replica::status), absent.names().stream()
                .map(name -> new ReplicaStatus(name, ReplicaStatus.State.ABSENT, 0, 0, 0))).toList();
    }

    /**
     * Opens one more replica, which takes requests from then on; what was placed stays where it is. Measures its costs, which
     * takes about a second. One that was absent is not tried any more, but there.
     *
     * @param name a name that no replica has that is there
     * @param opener opens the engines from the model's bundle; they are taken over
     * @throws IllegalArgumentException there is a replica of that name
     * @throws IllegalStateException the model is closing
     */
    public void addReplica(String name, Supplier<EnginePair> opener) {
        requireNew(name);
        Replica added = replica(name, manifest, opener, options);
        try {
            add(added, false);
        } catch (RuntimeException e) {
            added.stop();
            throw e;
        }
    }

    private void addAbsent(String name, Supplier<EnginePair> opener) {
        Replica added = replica(name, manifest, opener, options);
        boolean wanted = false;
        try {
            wanted = add(added, true);
        } finally {
            if (!wanted) {
                added.stop();
            }
        }
    }

    /** @return false when it was to be absent before, and is not any more */
    private synchronized boolean add(Replica added, boolean wasAbsent) {
        requireNew(added.name());
        if (!absent.forget(added.name()) && wasAbsent) {
            return false;
        }
        start(added);
        LOG.infof("The replica %s of %s takes requests", added.name(), name());
        List<Replica> more = new ArrayList<>(replicas);
        more.add(added);
        replicas = List.copyOf(more);
        return true;
    }

    private void requireNew(String name) {
        if (isClosing()) {
            throw new IllegalStateException(name() + " is closing; it takes no more replicas");
        }
        if (replicas.stream().anyMatch(replica -> replica.name().equals(name))) {
            throw new IllegalArgumentException(name() + " has a replica " + name
                    + " already; choose another name, or wait until that one has left");
        }
    }

    /**
     * Lets a replica leave: it takes no more requests, and when those that it has came to their end its engines are closed.
     * An absent one is not tried any more. Returns at once.
     *
     * @param limit how long they may take, counted from the first call; then they go on at other replicas that have room. Where
     *        there is none, what runs ends with {@link FinishReason#SHUTDOWN} and what it has, and what waits is refused
     * @return completed when it has left; failed when a step did not return, and the engines stay open
     * @throws IllegalArgumentException there is no such replica
     * @throws IllegalStateException no other one stays
     */
    public synchronized CompletionStage<Void> drainReplica(String name, Duration limit) {
        if (absent.forget(name)) {
            return CompletableFuture.completedStage(null);
        }
        Replica leaving = replicas.stream().filter(replica -> replica.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException(name() + " has no replica " + name + "; there are "
                        + replicas.stream().map(Replica::name).toList()));
        if (leaving.leaving() != null) {
            return leaving.leaving().minimalCompletionStage();
        }
        if (isLast(leaving)) {
            throw new IllegalStateException(name + " is the last replica of " + name()
                    + "; add another one first, or close the model");
        }
        return beginToLeave(leaving, limit, () -> {
        }).minimalCompletionStage();
    }

    private boolean isLast(Replica staying) {
        return replicas.stream().allMatch(replica -> replica == staying || replica.isLeaving());
    }

    /** Every step of a replica fails: it leaves, unless nobody else is there, and is opened anew. On its loop's thread. */
    private synchronized void letGo(Replica failing) {
        if (closing || failing.isLeaving() || isLast(failing)) {
            return;
        }
        LOG.errorf("Steps of the replica %s of %s fail again and again; it takes no more requests, and is opened anew",
                failing.name(), name());
        beginToLeave(failing, FAILING_PATIENCE, () -> absent.await(failing.name(), failing.opener()));
    }

    private CompletableFuture<Void> beginToLeave(Replica leaving, Duration limit, Runnable then) {
        CompletableFuture<Void> left = leaving.beginToLeave();
        Thread thread = new Thread(() -> leave(leaving, limit, left, then), "eagle-drain-" + leaving.name());
        thread.setDaemon(true);
        thread.start();
        return left;
    }

    private void leave(Replica leaving, Duration limit, CompletableFuture<Void> left, Runnable then) {
        Throwable failure = null;
        try {
            leaving.leave(limit, STEP_PATIENCE);
        } catch (RuntimeException | Error e) {
            LOG.errorf(e, "The replica %s of %s left with an error", leaving.name(), name());
            failure = e;
        }
        remove(leaving, then);
        if (failure == null) {
            left.complete(null);
        } else {
            left.completeExceptionally(failure);
        }
    }

    private synchronized void remove(Replica left, Runnable then) {
        replicas = replicas.stream().filter(replica -> replica != left).toList();
        if (!closing) {
            then.run();
        }
    }

    /** One that stays, for what all have in common. */
    private Replica anyReplica() {
        List<Replica> all = replicas;
        for (Replica replica : all) {
            if (!replica.isLeaving()) {
                return replica;
            }
        }
        return all.get(0);
    }

    @Override
    public String name() {
        return manifest.name();
    }

    /** The bundle that it was opened from. */
    public Bundle bundle() {
        return bundle;
    }

    /** The bundle's manifest. */
    public BundleManifest manifest() {
        return manifest;
    }

    /** Generations that run at once, on all replicas. */
    public int slots() {
        return replicas.stream().mapToInt(Replica::slots).sum();
    }

    /** Slots that generations hold at this moment. */
    public int slotsInUse() {
        return replicas.stream().mapToInt(replica -> replica.loop().slotsInUse()).sum();
    }

    /** Requests that wait for their first slot at this moment. */
    public int queued() {
        return replicas.stream().mapToInt(replica -> replica.loop().queued()).sum();
    }

    /** What one request, and one tenant, may take. */
    public RequestLimits limits() {
        return options.limits();
    }

    /**
     * In how long those who wait now should all have a slot, as fast as slots became free of late; at least a second and at
     * most a minute. Of several replicas, where that is soonest.
     */
    public Duration timeToClear() {
        return replicas.stream().map(replica -> replica.loop().timeToClear()).min(Comparator.naturalOrder()).orElseThrow();
    }

    /** Whether the model is being closed, or is; requests are refused. */
    public boolean isClosing() {
        return closing;
    }

    /** Names of the drafters that it can run. */
    public List<String> drafters() {
        return anyReplica().drafters().available();
    }

    /** What the target's steps cost now: as measured, and corrected by the steps since. Of several replicas the first one's. */
    public CostCurve targetCosts() {
        return anyReplica().targetCosts().curve();
    }

    /** The costs that budgets are chosen by, and what was learned of acceptance; null without a draft. Of the first replica. */
    public SpeculationEconomy economy() {
        return anyReplica().economy();
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
        requireAcceptance(request.options().acceptance(), wanted == null ? anyReplica().drafters().standard().name() : wanted,
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
        Checked checked;
        Replica replica;
        try {
            checked = check(request);
            replica = place(request.tenant(), checked.prompt());
        } catch (RuntimeException e) {
            reject(subscriber, e);
            return;
        }
        try {
            subscribe(request, checked, cycles, subscriber, replica, false);
        } finally {
            replica.free();
        }
    }

    /** A replica for a request; reserved, so that it does not leave before the request is there. */
    private Replica place(String tenant, int[] prompt) {
        List<Replica> all = replicas;
        Replica chosen = choose(tenant, i -> prompt[i], prompt.length, all);
        while (!chosen.reserve()) {
            all = replicas;
            chosen = choose(tenant, i -> prompt[i], prompt.length, all);
        }
        for (Replica other : all) {
            if (other != chosen && other.wantsProbe()) {
                probe(other);
            }
        }
        return chosen;
    }

    private Replica choose(String tenant, IntUnaryOperator token, int length, List<Replica> all) {
        if (all.size() == 1) {
            return all.get(0);
        }
        long[] beginnings = PrefixHomes.beginnings(tenant, token, length);
        Replica chosen = Placement.choose(beginnings[beginnings.length - 1], homes.homes(beginnings, length), all);
        homes.went(beginnings, chosen.identity());
        return chosen;
    }

    /** Gives a sequence of a replica whose engines do not work to another one; false when none serves. On its loop's thread. */
    private boolean moveElsewhere(Replica from, Sequence sequence) {
        List<Replica> serving = replicas.stream()
                .filter(replica -> replica != from && replica.standing() == Placement.Standing.OPEN).toList();
        if (serving.isEmpty()) {
            return false;
        }
        Replica chosen = choose(sequence.tenant(), sequence::token, sequence.length(), serving);
        if (!chosen.reserve()) {
            return false;
        }
        try {
            return chosen.take(sequence, from);
        } finally {
            chosen.free();
        }
    }

    /** Lost engines get no requests, so a token for nobody finds out whether they are back. */
    private void probe(Replica lost) {
        GenerationRequest request = GenerationRequest.tokens(Math.max(0, manifest.bosId()))
                .with(GenerationOptions.defaults().withMaxTokens(1).withDrafter(PlainDrafter.NAME));
        Probe probe = new Probe(lost);
        try {
            subscribe(request, check(request), null, probe, lost, true);
        } catch (RuntimeException e) {
            probe.onError(e);
        }
    }

    private record Probe(Replica lost) implements Flow.Subscriber<GeneratedToken> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(GeneratedToken token) {
            // That there is one is known to the loop.
        }

        @Override
        public void onError(Throwable reason) {
            lost.wasProbed();
        }

        @Override
        public void onComplete() {
            lost.wasProbed();
        }
    }

    /**
     * What of a request was checked, and needs no replica.
     *
     * @param generation with everything that the request left to the model
     */
    private record Checked(int[] prompt, GenerationOptions generation, String drafter, long seed, TokenSampler sampler) {
    }

    /** Refuses what cannot be done, wherever it were done, before anything is. */
    private Checked check(GenerationRequest request) {
        int[] prompt = promptIds(request);
        GenerationOptions generation = limited(request.options());
        if (generation.budget() == null && options.budget() != null) {
            generation = generation.withBudget(options.budget());
        }
        String drafter = anyReplica().drafter(generation.drafter()).name();
        ResponseFormat format = format(request);
        generation = accepting(generation, drafter, format);
        long seed = generation.seed() == null ? SEEDS.nextLong() : generation.seed();
        return new Checked(prompt, generation, drafter, seed,
                new TokenSampler(generation, seed, manifest.model().vocabulary(), grammars.start(format)));
    }

    private void subscribe(GenerationRequest request, Checked checked, CycleListener cycles,
            Flow.Subscriber<? super GeneratedToken> subscriber, Replica replica, boolean pinned) {
        Sequence sequence;
        TokenStream stream;
        try {
            stream = new TokenStream(subscriber, options.emission(), replica.loop()::wake);
            sequence = new Sequence(checked.prompt(), checked.generation(), checked.seed(), replica.drafter(checked.drafter()),
                    checked.sampler(), new IncrementalDetokenizer(tokenizer), new StopMatcher(checked.generation().stop()),
                    request.tools() == null ? null : new ToolCallFinder(request.tools()), stream, cycles,
                    replica.target().shape(), replica.target()::nanoTime, request.tenant(), request.priority());
        } catch (RuntimeException e) {
            reject(subscriber, e);
            return;
        }
        if (pinned) {
            sequence.pin();
        }
        replica.opened(stream);
        subscriber.onSubscribe(stream);
        OverloadedException refusal = replica.submit(sequence);
        if (refusal != null) {
            stream.fail(refusal);
        }
    }

    private static void reject(Flow.Subscriber<? super GeneratedToken> subscriber, RuntimeException reason) {
        subscriber.onSubscribe(new Rejected());
        subscriber.onError(reason);
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

    /** The options with the rule of acceptance in effect, and with what the rule asks for. */
    private GenerationOptions accepting(GenerationOptions wanted, String drafter, ResponseFormat format) {
        requireAcceptance(wanted.acceptance(), drafter, format);
        boolean free = format instanceof ResponseFormat.Text;
        Acceptance rule = !free || !drafter.equals(SpeculativeDrafter.NAME) ? Acceptance.COUPLED
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
        for (Replica replica : replicas) {
            if (replica.isLeaving()) {
                replica.loop().drain(Duration.ZERO);
            } else {
                replica.loop().endAll();
            }
        }
    }

    /**
     * Begins to close: refuses new requests and those that wait with {@link OverloadedException.Reason#SHUTTING_DOWN}. What
     * runs may come to its end within a time, counted from the first call; then it ends with {@link FinishReason#SHUTDOWN} and
     * what
     * it has. Returns at once; {@link #close(Duration)} waits for it.
     */
    public void drain(Duration limit) {
        beginToClose().forEach(replica -> replica.loop().drain(limit));
    }

    /** From now on no replica comes; returns those that there are. */
    private synchronized List<Replica> beginToClose() {
        closing = true;
        absent.end();
        return replicas;
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
        List<Replica> all = beginToClose();
        all.forEach(replica -> replica.loop().drain(limit));
        close(all, replica -> replica.awaitEnd(stepPatience));
    }

    /** Closes at once: stops after the running cycle, fails what runs, refuses what waits, and closes the engines. */
    @Override
    public void close() {
        close(beginToClose(), Replica::stop);
    }

    /** Closes what all have in common too, unless a step that does not return may still need it. */
    private void close(List<Replica> all, Predicate<Replica> closed) {
        RuntimeException failure = null;
        boolean allClosed = true;
        for (Replica replica : all) {
            try {
                allClosed &= closed.test(replica);
            } catch (RuntimeException e) {
                failure = e;
            }
        }
        if (allClosed) {
            tokenizer.close();
        }
        if (failure != null) {
            throw failure;
        }
    }
}
