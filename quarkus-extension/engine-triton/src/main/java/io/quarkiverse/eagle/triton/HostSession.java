package io.quarkiverse.eagle.triton;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

import io.quarkiverse.eagle.engine.DraftedTree;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.TreeRequest;
import io.quarkiverse.eagle.triton.client.InferRequest;
import io.quarkiverse.eagle.triton.client.InferResponse;
import io.quarkiverse.eagle.triton.client.InferStream;
import io.quarkiverse.eagle.triton.client.OutputTensor;
import io.quarkiverse.eagle.triton.client.SharedMemoryRegion;
import io.quarkiverse.eagle.triton.client.TritonConnection;
import io.quarkiverse.eagle.triton.client.TritonException;

/**
 * A lease of slots in the pool of one engine host, and the stream that its steps go over. Never mended: once something went
 * wrong it is closed, and another one is opened.
 */
final class HostSession {

    /**
     * A lease that a client asked for, and may hold until somebody gives it back or it expires.
     *
     * @param region shared memory that its steps use; the server may write there until the lease is given back. Null for none
     */
    record Grant(String epoch, String client, SharedMemoryRegion region) {

        /** Lets the server forget the region, once nothing uses it any more. Blocks. */
        void unregister(TritonConnection connection) {
            if (region != null) {
                // A server that cannot be reached is going away, and its maps with it.
                connection.unregister(region).onFailure().recoverWithNull().await().indefinitely();
            }
        }
    }

    private final String model;
    private final TritonConnection connection;
    private final InferStream stream;
    private final Grant grant;
    private final HostManifest.Lease lease;
    private final StepTensors tensors;
    private final Duration stepTimeout;
    private final boolean copiesRows;
    private final InferRequest request;
    /** When the last request that renewed the lease for certain was sent. */
    private volatile long renewedAt;

    /**
     * @param leasedAt when the lease was asked for, as {@link System#nanoTime()}
     * @param copiesRows whether the host copies rows between slots
     */
    HostSession(String model, TritonConnection connection, InferStream stream, Grant grant, HostManifest.Lease lease,
            long leasedAt, EngineShape shape, Duration stepTimeout, boolean copiesRows) {
        this.model = model;
        this.connection = connection;
        this.stream = stream;
        this.grant = grant;
        this.lease = lease;
        this.renewedAt = leasedAt;
        this.tensors = new StepTensors(shape, grant.region());
        this.stepTimeout = stepTimeout;
        this.copiesRows = copiesRows;
        this.request = new InferRequest(model);
    }

    TritonConnection connection() {
        return connection;
    }

    Grant grant() {
        return grant;
    }

    /** How long the lease lasts without a request. */
    long leaseNanos() {
        return (long) (lease.leaseSeconds() * TimeUnit.SECONDS.toNanos(1));
    }

    /** Whether the stream still stands, as far as this side knows. */
    boolean isOpen() {
        return stream.isOpen();
    }

    private InferRequest begin(String operation) {
        return request.clear().parameter("operation", operation).parameter("client", grant.client())
                .parameter("epoch", grant.epoch());
    }

    /** Runs a step; completes when the result is filled. */
    CompletableFuture<StepResult> step(StepRequest step, StepResult result, long number) {
        long sentAt = System.nanoTime();
        tensors.write(step, begin("step").parameter("step", number)
                .parameter("first_slot", (long) lease.firstSlot() + step.firstSlot()));
        return stream.infer(request, stepTimeout).thenApply(answer -> {
            tensors.read(answer, step, result);
            renewedAt = sentAt;
            return result;
        });
    }

    /** Drafts a tree; completes when the result is filled. */
    CompletableFuture<DraftedTree> draft(StepRequest extension, TreeRequest tree, DraftedTree drafted) {
        long sentAt = System.nanoTime();
        tensors.write(extension, tree, begin("tree")
                .parameter("first_slot", (long) lease.firstSlot() + extension.firstSlot()));
        return stream.infer(request, stepTimeout).thenApply(answer -> {
            tensors.read(answer, tree, drafted);
            renewedAt = sentAt;
            return drafted;
        });
    }

    boolean copiesRows() {
        return copiesRows;
    }

    /** Copies the first rows of a slot to another one. */
    CompletableFuture<Void> copy(int source, int slot, int rows) {
        long sentAt = System.nanoTime();
        begin("copy").parameter("source", (long) lease.firstSlot() + source)
                .parameter("slot", (long) lease.firstSlot() + slot).parameter("rows", (long) rows).output("info");
        return stream.infer(request, stepTimeout).thenAccept(answer -> renewedAt = sentAt);
    }

    /** Fetches an output row's logits of the step of this number. */
    CompletableFuture<StepResult> logits(StepResult result, int b, int r, long number) {
        long sentAt = System.nanoTime();
        tensors.write(b, r, begin("logits").parameter("step", number));
        return stream.infer(request, stepTimeout).thenApply(answer -> {
            tensors.readLogits(answer, result, b, r);
            renewedAt = sentAt;
            return result;
        });
    }

    /**
     * Keeps the lease alive. A host gives a client that lost its lease a new one, perhaps of the same slots, but what they held
     * is gone; so the old one counts as kept only if it cannot have expired before the host saw this request.
     *
     * @return completes with whether the lease is certainly still the one that steps rely on
     */
    CompletableFuture<Boolean> renew() {
        long before = renewedAt;
        long sentAt = System.nanoTime();
        // With the epoch, so that a host that was started again refuses instead of giving slots that nobody would give back.
        InferRequest renewal = leaseRequest(model, grant.client(), lease.slots()).parameter("epoch", grant.epoch());
        return stream.infer(renewal).thenApply(answer -> {
            HostManifest.Lease given = HostManifest.read(info(answer), HostManifest.Lease.class);
            boolean kept = lease.epoch().equals(given.epoch()) && lease.firstSlot() == given.firstSlot()
                    && lease.slots() == given.slots()
                    && System.nanoTime() - before < leaseNanos();
            if (kept) {
                renewedAt = sentAt;
            }
            return kept;
        });
    }

    static InferRequest leaseRequest(String model, String client, int slots) {
        return new InferRequest(model).parameter("operation", "lease").parameter("client", client)
                .parameter("slots", slots).output("info");
    }

    static InferRequest releaseRequest(String model, String client) {
        return new InferRequest(model).parameter("operation", "release").parameter("client", client).output("info");
    }

    static InferRequest manifestRequest(String model) {
        return new InferRequest(model).parameter("operation", "manifest").output("info");
    }

    /** The JSON object that an administrative answer brings. */
    static String info(InferResponse answer) {
        OutputTensor info = answer.output("info");
        if (info == null || info.strings().size() != 1) {
            throw new EngineException("the engine host's answer has no single info object");
        }
        return info.strings().get(0);
    }

    /** Nanoseconds since the lease was certainly renewed. */
    long idleNanos() {
        return System.nanoTime() - renewedAt;
    }

    /** Waits for an answer; for threads that may block. */
    static InferResponse await(CompletableFuture<InferResponse> answer) {
        try {
            return answer.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /**
     * Gives the slots back, as far as the host can still be reached, and closes the stream.
     *
     * @return whether the host confirmed
     */
    boolean release() {
        try {
            await(stream.infer(releaseRequest(model, grant.client())));
        } catch (TritonException e) {
            if (HostFault.in(e) == null) {
                return false;
            }
            // The host knows no such lease (any more), which is as good.
        } finally {
            close();
        }
        grant.unregister(connection);
        return true;
    }

    /** Closes the stream; the host keeps the slots until they are given back or expire. */
    void close() {
        stream.close();
        if (grant.region() != null) {
            grant.region().close();
        }
    }
}
