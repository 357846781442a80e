package io.quarkiverse.eagle.runtime;

import java.time.Duration;
import java.util.List;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.ReplayReason;

/**
 * Several listeners to one request, told in order.
 *
 * @param all the listeners
 */
record JoinedListeners(GenerationListener[] all) implements GenerationListener {

    /** Asks each who wants to hear of a request; those who do not are left out. */
    static GenerationListener of(List<RequestListener> listeners, String id,
            GenerationRequest request) {
        GenerationListener[] hearing = listeners.stream().map(listener -> listener.requested(id, request))
                .filter(listener -> listener != NONE).toArray(GenerationListener[]::new);
        return hearing.length == 0 ? NONE : hearing.length == 1 ? hearing[0] : new JoinedListeners(hearing);
    }

    @Override
    public void admitted(long waited, int cachedTokens) {
        for (GenerationListener each : all) {
            each.admitted(waited, cachedTokens);
        }
    }

    @Override
    public void replayed(ReplayReason reason) {
        for (GenerationListener each : all) {
            each.replayed(reason);
        }
    }

    @Override
    public void timed(long draft, long verify, long host) {
        for (GenerationListener each : all) {
            each.timed(draft, verify, host);
        }
    }

    @Override
    public void cycle(int drafted, int depth, int tokens) {
        for (GenerationListener each : all) {
            each.cycle(drafted, depth, tokens);
        }
    }

    @Override
    public void firstToken(Duration sinceRequest) {
        for (GenerationListener each : all) {
            each.firstToken(sinceRequest);
        }
    }

    @Override
    public void token() {
        for (GenerationListener each : all) {
            each.token();
        }
    }

    @Override
    public void finished(GenerationResult result) {
        for (GenerationListener each : all) {
            each.finished(result);
        }
    }

    @Override
    public void cancelled() {
        for (GenerationListener each : all) {
            each.cancelled();
        }
    }

    @Override
    public void failed(Throwable reason) {
        for (GenerationListener each : all) {
            each.failed(reason);
        }
    }
}
