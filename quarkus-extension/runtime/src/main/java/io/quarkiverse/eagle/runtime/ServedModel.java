package io.quarkiverse.eagle.runtime;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.ReloadableModel;
import io.quarkiverse.eagle.decode.ReplayReason;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.tree.DraftTree;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * The model that an application gets: hands every request on, tells its listeners what becomes of it, and remembers the last
 * answer. Thread-safe.
 * Tokens and results arrive on Quarkus' worker pool, where a subscriber may block, wherever it subscribed from; a request that
 * is refused hears so at once, on the subscribing thread. Who needs a Vert.x context moves there with {@code emitOn}, which
 * asks for tokens ahead of its subscriber.
 */
public final class ServedModel implements EagleModel {

    private final ReloadableModel model;
    private final ModelOpening opening;
    private final List<RequestListener> listeners = new CopyOnWriteArrayList<>();
    private volatile GenerationResult lastResult;

    /** @param opening opens another bundle, as the model's configuration has it */
    ServedModel(SpeculativeModel model, ModelOpening opening) {
        this.model = new ReloadableModel(model);
        this.opening = opening;
    }

    @Override
    public String name() {
        return model.name();
    }

    @Override
    public Multi<GeneratedToken> stream(GenerationRequest request) {
        return stream(request, null);
    }

    /** Streams a generation whose draft-verify cycles are shown to a listener too; null for none. */
    public Multi<GeneratedToken> stream(GenerationRequest request, CycleListener cycles) {
        return told(request, cycles, model::stream);
    }

    /** The same from one bundle, whatever is in service: for requests that carry its tokens. */
    public Multi<GeneratedToken> stream(GenerationRequest request, CycleListener cycles, ReloadableModel.Edition edition) {
        return told(request, cycles, edition::stream);
    }

    private Multi<GeneratedToken> told(GenerationRequest request, CycleListener cycles,
            BiFunction<GenerationRequest, CycleListener, Multi<GeneratedToken>> source) {
        return Multi.createFrom().deferred(() -> {
            String id = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
            GenerationListener hearing = JoinedListeners.of(listeners, id, request);
            long requestedAt = System.nanoTime();
            // Who leaves with the last token in hand has a whole answer, and did not cancel it.
            AtomicBoolean whole = new AtomicBoolean();
            return source.apply(request, new ToldCycles(hearing, cycles)).onItem().invoke(token -> {
                whole.set(token.last());
                tokenCame(token, hearing, requestedAt);
            }).onFailure().invoke(hearing::failed).onCancellation().invoke(() -> {
                if (!whole.get()) {
                    hearing.cancelled();
                }
            });
        });
    }

    /** Tells cycles on: what they brought to the one, all of them to the other, which may be null. */
    private record ToldCycles(GenerationListener hearing, CycleListener cycles) implements CycleListener {

        @Override
        public void admitted(long waited, int cachedTokens) {
            hearing.admitted(waited, cachedTokens);
            if (cycles != null) {
                cycles.admitted(waited, cachedTokens);
            }
        }

        @Override
        public void replayed(ReplayReason reason) {
            hearing.replayed(reason);
            if (cycles != null) {
                cycles.replayed(reason);
            }
        }

        @Override
        public void timed(long draft, long verify, long host) {
            hearing.timed(draft, verify, host);
            if (cycles != null) {
                cycles.timed(draft, verify, host);
            }
        }

        @Override
        public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
            hearing.cycle(tree.size(), tree.deepest(), emittedCount);
            if (cycles != null) {
                cycles.verified(root, tree, accepted, emitted, emittedCount);
            }
        }
    }

    @Override
    public Uni<GenerationResult> generate(GenerationRequest request) {
        return stream(request).collect().last().map(GeneratedToken::result);
    }

    private void tokenCame(GeneratedToken token, GenerationListener hearing, long requestedAt) {
        if (token.id() >= 0) {
            if (token.index() == 0) {
                hearing.firstToken(Duration.ofNanos(System.nanoTime() - requestedAt));
            }
            hearing.token();
        }
        if (token.last()) {
            lastResult = token.result();
            hearing.finished(token.result());
        }
    }

    /** From now on new requests are told of to this listener too. */
    public void listen(RequestListener listener) {
        listeners.add(listener);
    }

    /** The generation that came to its end last; null before the first. */
    public GenerationResult lastResult() {
        return lastResult;
    }

    /** Whether a token came out of the bundle in service within this time; those of a replaced one do not count. */
    public boolean producedWithin(Duration time) {
        return edition().producedWithin(time);
    }

    /**
     * Lets one more Triton server serve the model that is in service now, with the headers, the encryption and the limits that
     * are configured for the others; {@link SpeculativeModel#drainReplica} lets one go. Blocks while it is opened. A reload
     * opens the new bundle at the servers that serve then, this one included.
     *
     * @param endpoint {@code host:port} of its gRPC service
     * @throws io.quarkus.runtime.configuration.ConfigurationException the model is not configured with
     *         {@code triton.spread=true}, or the server cannot be reached or serves another bundle
     * @throws IllegalArgumentException it serves the model already
     * @throws IllegalStateException a reload is under way, or the model is being closed
     */
    public void addEndpoint(String endpoint) {
        opening.addEndpoint(model, endpoint);
    }

    /** The model underneath, for what looks inside: cycles, costs, replicas, the manifest. Another one after a reload. */
    public SpeculativeModel model() {
        return model.model();
    }

    /** The bundle in service, for who asks it several things that have to fit together. */
    public ReloadableModel.Edition edition() {
        return model.edition();
    }

    /** Requests that still run or wait on the bundle that the last reload replaced. */
    public int replacedRequests() {
        return model.replacedRequests();
    }

    /** @param bundle null for the configured folder */
    void reload(Path bundle) {
        opening.reload(model, bundle);
    }

    /** As {@link ReloadableModel#settle}. */
    SpeculativeModel settle() {
        return model.settle();
    }

    void drain(Duration limit) {
        model.drain(limit);
    }

    void close(Duration limit) {
        model.close(limit);
    }

    void close() {
        model.close();
    }
}
