package io.quarkiverse.eagle.runtime;

import java.time.Duration;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * The model that an application gets: hands every request on, tells its listener what becomes of it, and remembers when a
 * token last came out. Thread-safe.
 * Tokens and results arrive on Quarkus' worker pool, where a subscriber may block, wherever it subscribed from; a request that
 * is refused hears so at once, on the subscribing thread. Who needs a Vert.x context moves there with {@code emitOn}, which
 * asks for tokens ahead of its subscriber.
 */
public final class ServedModel implements EagleModel {

    private final SpeculativeModel model;
    private volatile GenerationListener listener = GenerationListener.NONE;
    private volatile long lastTokenAt;
    private volatile boolean anyToken;

    ServedModel(SpeculativeModel model) {
        this.model = model;
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
        return Multi.createFrom().deferred(() -> {
            GenerationListener hearing = listener;
            long requestedAt = System.nanoTime();
            return model.stream(request, (root, tree, accepted, emitted, count) -> {
                hearing.cycle(tree.size(), count);
                if (cycles != null) {
                    cycles.verified(root, tree, accepted, emitted, count);
                }
            }).onItem().invoke(token -> tokenCame(token, hearing, requestedAt))
                    .onFailure().invoke(hearing::failed)
                    .onCancellation().invoke(hearing::cancelled);
        });
    }

    @Override
    public Uni<GenerationResult> generate(GenerationRequest request) {
        return stream(request).collect().last().map(GeneratedToken::result);
    }

    private void tokenCame(GeneratedToken token, GenerationListener hearing, long requestedAt) {
        lastTokenAt = System.nanoTime();
        anyToken = true;
        if (token.id() >= 0) {
            if (token.index() == 0) {
                hearing.firstToken(Duration.ofNanos(lastTokenAt - requestedAt));
            }
            hearing.token();
        }
        if (token.last()) {
            hearing.finished(token.result());
        }
    }

    /** From now on new requests are told of to this listener, instead of the one before. */
    public void listen(GenerationListener next) {
        listener = next;
    }

    /** Whether a token came out within this time. */
    public boolean producedWithin(Duration time) {
        return anyToken && System.nanoTime() - lastTokenAt <= time.toNanos();
    }

    /** The model underneath, for what looks inside: cycles, costs, the manifest. */
    public SpeculativeModel model() {
        return model;
    }
}
