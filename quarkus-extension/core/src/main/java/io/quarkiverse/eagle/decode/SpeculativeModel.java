package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Predicate;
import java.util.function.Supplier;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.PlainDrafter;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.text.IncrementalDetokenizer;
import io.quarkiverse.eagle.text.StopMatcher;
import io.quarkiverse.eagle.text.Tokenizer;
import io.quarkiverse.eagle.tools.ToolCallFinder;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.operators.AbstractMulti;
import io.smallrye.mutiny.subscription.MultiSubscriber;

/**
 * A bundle's model over its engines: prompts in, tokens out. Owns the engines; closing it ends what runs. It may have several
 * sets of engines, its replicas, which come and go while the model serves.
 */
public final class SpeculativeModel implements EagleModel, AutoCloseable {

    /** The replica of a model that was opened without a name for it. */
    public static final String FIRST_REPLICA = "first";

    private final Bundle bundle;
    private final BundleManifest manifest;
    private final Tokenizer tokenizer;
    private final ModelOptions options;
    private final RequestChecks checks;
    private final Replicas replicas;

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
        TextParts.Loading text = TextParts.load(bundle);
        Replicas replicas = null;
        try {
            replicas = Replicas.open(bundle.manifest(), openers, options);
            SpeculativeModel model = new SpeculativeModel(bundle, replicas, text.await(), options);
            replicas.begin(model::probe);
            return model;
        } catch (RuntimeException | Error e) {
            text.abandon();
            if (replicas != null) {
                replicas.beginToClose().forEach(Replica::stop);
            }
            throw e;
        }
    }

    private SpeculativeModel(Bundle bundle, Replicas replicas, TextParts text, ModelOptions options) {
        this.bundle = bundle;
        this.manifest = bundle.manifest();
        this.tokenizer = text.tokenizer();
        this.options = options;
        this.replicas = replicas;
        this.checks = new RequestChecks(bundle, text, options, wanted -> replicas.any().drafter(wanted).name());
    }

    /** The model's replicas as they are now. */
    public List<ReplicaStatus> replicas() {
        return replicas.statuses();
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
        replicas.add(name, opener);
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
    public CompletionStage<Void> drainReplica(String name, Duration limit) {
        return replicas.drain(name, limit);
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
        return replicas.all().stream().mapToInt(Replica::slots).sum();
    }

    /** Slots that generations hold at this moment. */
    public int slotsInUse() {
        return replicas.all().stream().mapToInt(replica -> replica.loop().slotsInUse()).sum();
    }

    /** Requests that wait for their first slot at this moment. */
    public int queued() {
        return replicas.all().stream().mapToInt(replica -> replica.loop().queued()).sum();
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
        return replicas.all().stream().map(replica -> replica.loop().timeToClear()).min(Comparator.naturalOrder())
                .orElseThrow();
    }

    /** Whether the model is being closed, or is; requests are refused. */
    public boolean isClosing() {
        return replicas.isClosing();
    }

    /** Names of the drafters that it can run. */
    public List<String> drafters() {
        return replicas.any().drafters().available();
    }

    /** What the target's steps cost now: as measured, and corrected by the steps since. Of several replicas the first one's. */
    public CostCurve targetCosts() {
        return replicas.any().targetCosts().curve();
    }

    /** The costs that budgets are chosen by, and what was learned of acceptance; null without a draft. Of the first replica. */
    public SpeculationEconomy economy() {
        return replicas.any().economy();
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
        return checks.promptIds(request);
    }

    /**
     * Fails as {@link #stream} would for a format that cannot be kept, that of a required tool call included.
     *
     * @throws InvalidRequestException says what of the format cannot be kept
     */
    public void requireFormat(GenerationRequest request) {
        checks.requireFormat(request);
    }

    /**
     * Fails as {@link #stream} would for a rule of acceptance that goes neither with the drafter nor with the format.
     *
     * @throws InvalidRequestException says why the rule cannot be kept
     */
    public void requireAcceptance(GenerationRequest request) {
        checks.requireAcceptance(request);
    }

    /** The text of tokens, special ones included; bytes that make no character alone become U+FFFD. */
    public String text(int... tokens) {
        return tokenizer.decode(tokens, false);
    }

    private void subscribe(GenerationRequest request, CycleListener cycles,
            Flow.Subscriber<? super GeneratedToken> subscriber) {
        RequestChecks.Checked checked;
        Replica replica;
        try {
            checked = checks.check(request);
            replica = replicas.place(request.tenant(), checked.prompt());
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

    /** Lost engines get no requests, so a token for nobody finds out whether they are back. */
    private void probe(Replica lost) {
        GenerationRequest request = GenerationRequest.tokens(Math.max(0, manifest.bosId()))
                .with(GenerationOptions.defaults().withMaxTokens(1).withDrafter(PlainDrafter.NAME));
        Probe probe = new Probe(lost);
        try {
            subscribe(request, checks.check(request), null, probe, lost, true);
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

    private void subscribe(GenerationRequest request, RequestChecks.Checked checked, CycleListener cycles,
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

    /**
     * Ends what runs and waits with an error, and returns when that is done; the model stays open for new requests, and forgets
     * what its slots held.
     */
    public void endAll() {
        for (Replica replica : replicas.all()) {
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
        replicas.beginToClose().forEach(replica -> replica.loop().drain(limit));
    }

    /**
     * Closes gracefully: as {@link #drain} says, then closes the engines. Waits for consumers too, until they have their
     * answers, but hardly longer than the limit and the step that runs then: what they ask for later they still get. When that
     * step does
     * not return, everything fails, and the engines stay open, for they cannot be closed under it.
     */
    public void close(Duration limit) {
        close(limit, Replicas.STEP_PATIENCE);
    }

    /** @param stepPatience how long to wait for the step that runs when the limit is reached */
    void close(Duration limit, Duration stepPatience) {
        List<Replica> all = replicas.beginToClose();
        all.forEach(replica -> replica.loop().drain(limit));
        close(all, replica -> replica.awaitEnd(stepPatience));
    }

    /** Closes at once: stops after the running cycle, fails what runs, refuses what waits, and closes the engines. */
    @Override
    public void close() {
        close(replicas.beginToClose(), Replica::stop);
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
