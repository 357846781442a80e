package io.quarkiverse.eagle.triton;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.triton.client.TritonClient;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.quarkiverse.eagle.triton.client.TritonException;

/** Opens the engines of a bundle that a Triton server hosts. */
public final class TritonEngines {

    private TritonEngines() {
    }

    /** {@link #open(BundleManifest, TritonOptions)} of a bundle on this machine. */
    public static EnginePair open(Bundle bundle, TritonOptions options) {
        return open(bundle.manifest(), options);
    }

    /**
     * Opens target and draft: finds a server where both are ready, checks that they were made from this bundle, and leases
     * slots.
     * Of the bundle only the manifest is needed; the weights are the server's.
     *
     * @throws EnginesAwayException when no server can be reached within the client's attempts, or has the models ready
     * @throws EngineException when the models are not the bundle's (all differences in one message), or when slots are taken
     */
    public static EnginePair open(BundleManifest bundle, TritonOptions options) {
        TritonClientOptions reach = options.client().executor() == null
                ? options.client().withExecutor(Runnable::run)
                : options.client();
        TritonClient client;
        try {
            client = new TritonClient(reach);
        } catch (TritonException e) {
            throw new EngineException(e.getMessage(), e);
        }
        HostAccess target = new HostAccess(client, options, bundle, bundle.targetGraph());
        HostAccess draft = bundle.draftGraph() == null ? null
                : new HostAccess(client, options, bundle, bundle.draftGraph());
        List<HostSession> opened = new ArrayList<>();
        try {
            List<String> differences = new ArrayList<>();
            for (HostAccess host : draft == null ? List.of(target) : List.of(target, draft)) {
                try {
                    opened.add(openPatiently(host));
                } catch (UnfitHostException e) {
                    differences.addAll(e.differences());
                }
            }
            if (!differences.isEmpty()) {
                throw new UnfitHostException(differences);
            }
            // The pair closes its draft first.
            Engine targetEngine = new TritonEngine(target, opened.get(0), client::close);
            return new EnginePair(targetEngine, draft == null ? null : new TritonEngine(draft, opened.get(1), () -> {
            }));
        } catch (RuntimeException e) {
            opened.forEach(HostSession::release);
            client.close();
            throw e;
        }
    }

    private static HostSession openPatiently(HostAccess host) {
        for (int attempt = 0;; attempt++) {
            try {
                return host.open();
            } catch (PoolLostException e) {
                Duration pause = host.pauseAfter(attempt);
                if (pause == null || Thread.currentThread().isInterrupted()) {
                    throw new EnginesAwayException(e.getMessage() + " (after " + (attempt + 1) + " attempts)", e);
                }
                LockSupport.parkNanos(pause.toNanos());
            }
        }
    }
}
