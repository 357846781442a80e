package io.quarkiverse.eagle.runtime;

import java.time.Duration;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * The model that an application gets: hands every request on, and remembers when a token last came out. Thread-safe.
 * Tokens and results arrive on Quarkus' worker pool, where a subscriber may block, wherever it subscribed from; a request that
 * is refused hears so at once, on the subscribing thread. Who needs a Vert.x context moves there with {@code emitOn}, which
 * asks for tokens ahead of its subscriber.
 */
public final class ServedModel implements EagleModel {

    private final SpeculativeModel model;
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
        return model.stream(request).onItem().invoke(this::tokenCame);
    }

    @Override
    public Uni<GenerationResult> generate(GenerationRequest request) {
        return stream(request).collect().last().map(GeneratedToken::result);
    }

    private void tokenCame() {
        lastTokenAt = System.nanoTime();
        anyToken = true;
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
