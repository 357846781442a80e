package io.quarkiverse.eagle.triton;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.triton.HostSession.Grant;
import io.quarkiverse.eagle.triton.client.InferResponse;
import io.quarkiverse.eagle.triton.client.InferStream;
import io.quarkiverse.eagle.triton.client.SharedMemoryRegion;
import io.quarkiverse.eagle.triton.client.TritonClient;
import io.quarkiverse.eagle.triton.client.TritonConnection;
import io.quarkiverse.eagle.triton.client.TritonException;
import io.smallrye.mutiny.Uni;

/**
 * Finds one engine's host, checks that it is the bundle's, and takes leases of its slots. Blocks; one thread at a time.
 * <p>
 * Every lease is taken under a client id of its own, after the ids before it were given back at the same pool: a request of an
 * earlier session that a server still finds somewhere is refused, and never writes into the slots of the new one.
 */
final class HostAccess {

    private final TritonClient client;
    private final TritonOptions options;
    private final BundleManifest bundle;
    private final BundleManifest.Graph graph;
    private final boolean isTarget;
    private final String model;
    private final EngineShape shape;
    private final String id = UUID.randomUUID().toString();
    private final List<Grant> doubtful = new ArrayList<>();
    private int sessions;

    HostAccess(TritonClient client, TritonOptions options, BundleManifest bundle, BundleManifest.Graph graph) {
        this.client = client;
        this.options = options;
        this.bundle = bundle;
        this.graph = graph;
        this.isTarget = graph == bundle.targetGraph();
        this.model = modelName(bundle.name(), isTarget);
        this.shape = new EngineShape(options.slots() == 0 ? bundle.slots() : options.slots(), bundle.maxLength(),
                graph.maxRows(), graph.topK(), isTarget ? graph.vocabulary() : 0, graph.featureSize(), !isTarget);
    }

    /** The name that an engine of a bundle has at a server. */
    static String modelName(String bundle, boolean isTarget) {
        return bundle.replaceAll("[^A-Za-z0-9_-]", "_") + (isTarget ? "_target" : "_draft");
    }

    String model() {
        return model;
    }

    EngineShape shape() {
        return shape;
    }

    TritonOptions options() {
        return options;
    }

    /** These slots may still be this client's, or a request for them may still be on its way. */
    void doubt(HostSession session) {
        doubtful.add(session.grant());
    }

    /**
     * Makes one attempt at the current server.
     *
     * @throws PoolLostException when it cannot be reached or is not ready; the next attempt goes to the next server
     * @throws UnfitHostException when it hosts another engine
     * @throws EngineException when it refuses for good, or has too few free slots
     */
    HostSession open() {
        TritonConnection connection = client.connection();
        try {
            requireReady(connection);
            return lease(connection);
        } catch (TritonException e) {
            client.failOver(connection.endpoint());
            if (!e.isRetryable()) {
                throw new EngineException("Triton refuses to serve " + model + ": " + e.getMessage(), e);
            }
            options.listener().unreachable(model, connection.endpoint(), e.getMessage());
            throw PoolLostException.unreachable(model + " cannot be reached: " + e.getMessage(), e);
        } catch (PoolLostException e) {
            client.failOver(connection.endpoint());
            options.listener().unreachable(model, connection.endpoint(), e.getMessage());
            throw e;
        } catch (UnfitHostException e) {
            client.failOver(connection.endpoint());
            throw e;
        }
    }

    private void requireReady(TritonConnection connection) {
        if (!await(connection.serverLive()) || !await(connection.modelReady(model))) {
            throw PoolLostException.unreachable("Triton at " + connection + " has no ready model " + model
                    + ". Load it, or see the server's log for why it could not be loaded", null);
        }
    }

    private <T> T await(Uni<T> operation) {
        return operation.await().indefinitely(); // every call has the client's timeout
    }

    private HostSession lease(TritonConnection connection) {
        List<String> differences = new ArrayList<>();
        HostManifest.differences(await(connection.modelInfo(model)), isTarget)
                .forEach(difference -> differences.add(model + " at " + connection + ": " + difference));
        requireNone(differences);
        InferStream stream = connection.stream();
        SharedMemoryRegion region = null;
        try {
            HostManifest host = HostManifest.read(HostSession.info(HostSession.await(
                    stream.infer(HostSession.manifestRequest(model)))), HostManifest.class);
            host.differences(bundle, graph, shape.slots())
                    .forEach(difference -> differences.add(model + " at " + connection + ": " + difference));
            requireNone(differences);
            settleDoubts(connection, stream, host.epoch());
            if (options.sharedMemory()) {
                region = SharedMemoryRegion.create("eagle-" + model, StepTensors.mostBytes(shape));
                await(connection.register(region));
            }
            Grant grant = new Grant(host.epoch(), id + "-" + ++sessions, region);
            doubtful.add(grant);
            long leasedAt = System.nanoTime();
            HostManifest.Lease lease = askForSlots(stream, host, grant);
            if (!host.epoch().equals(lease.epoch()) || lease.slots() != shape.slots() || lease.firstSlot() < 0
                    || lease.firstSlot() + lease.slots() > host.slots() || !(lease.leaseSeconds() > 0)) {
                throw PoolLostException.unreachable(model + " at " + connection + " gave " + lease + " of the pool "
                        + host.epoch() + " of " + host.slots() + " slots, but " + shape.slots() + " slots were asked for",
                        null);
            }
            doubtful.remove(grant);
            return new HostSession(model, connection, stream, grant, lease, leasedAt, shape,
                    options.stepTimeout(), host.copiesRows());
        } catch (RuntimeException e) {
            stream.close();
            if (region != null) {
                region.close();
            }
            throw e;
        }
    }

    private static void requireNone(List<String> differences) {
        if (!differences.isEmpty()) {
            throw new UnfitHostException(differences);
        }
    }

    /** Gives back what this client may still hold in this pool. */
    private void settleDoubts(TritonConnection connection, InferStream stream, String epoch) {
        Iterator<Grant> grants = doubtful.iterator();
        while (grants.hasNext()) {
            Grant grant = grants.next();
            if (grant.epoch().equals(epoch)) {
                release(stream, grant);
                grant.unregister(connection);
                grants.remove();
            }
        }
    }

    private void release(InferStream stream, Grant grant) {
        try {
            HostSession.await(stream.infer(HostSession.releaseRequest(model, grant.client())));
        } catch (TritonException e) {
            if (HostFault.in(e) == null) {
                throw e;
            }
            // The host knows no such lease (any more), which is as good.
        }
    }

    private HostManifest.Lease askForSlots(InferStream stream, HostManifest host, Grant grant) {
        try {
            InferResponse answer = HostSession.await(
                    stream.infer(HostSession.leaseRequest(model, grant.client(), shape.slots())));
            return HostManifest.read(HostSession.info(answer), HostManifest.Lease.class);
        } catch (TritonException e) {
            if (HostFault.in(e) == HostFault.EAGLE_NO_SLOTS) {
                doubtful.remove(grant);
                throw new NoSlotsException(model + " at " + stream.endpoint() + " has no room for " + shape.slots()
                        + " sequences: " + host.freeSlots() + " of " + host.slots() + " slots were free. Ask for fewer slots,"
                        + " build the bundle with more, stop another application that uses this server, or wait "
                        + host.leaseSeconds() + " s if one has just died", e);
            }
            throw e;
        }
    }

    /** The host's pool is full. */
    static final class NoSlotsException extends EngineException {

        private static final long serialVersionUID = 1L;

        private NoSlotsException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** How long to wait before the attempt after this one, and null when there is none. */
    Duration pauseAfter(int attempt) {
        return attempt + 1 < options.client().backoff().attempts() ? options.client().backoff().delay(attempt) : null;
    }
}
