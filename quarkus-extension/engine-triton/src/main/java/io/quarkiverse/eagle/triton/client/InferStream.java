package io.quarkiverse.eagle.triton.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.locks.ReentrantLock;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.quarkiverse.eagle.triton.client.proto.GRPCInferenceServiceGrpc;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelStreamInferResponse;

/**
 * A long-lived stream of inference requests to one server: less than half the round trip of calls of their own. Requests are
 * sent
 * in the order of the calls, and a model's answers come in that order; use one stream per model, so that models do not wait for
 * each other. A stream that ends fails what is in flight and stays broken: open another one.
 * <p>
 * Every request has a deadline, kept here: an answer that comes later is dropped. Requests to decoupled models, which answer
 * more or less than once, are not supported.
 * <p>
 * Why a request's buffers may be used again as soon as its stage is complete: a request is handed to gRPC only when the
 * stream's transport is there and has room ({@link ClientCall#isReady()}), and then gRPC copies it into its frames before the
 * call returns; completing a stage early (deadline, cancellation) takes a lock that is held meanwhile, and a request that was
 * not handed over yet never will be.
 */
public final class InferStream implements AutoCloseable {

    private final TritonEndpoint endpoint;
    private final TritonClientOptions options;
    private final ClientCall<ModelInferRequest, ModelStreamInferResponse> call;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Pending> sent = new HashMap<>();
    private final Queue<Pending> unsent = new ArrayDeque<>();
    private long lastId;
    private TritonException broken;

    InferStream(TritonEndpoint endpoint, Channel channel, TritonClientOptions options) {
        this.endpoint = endpoint;
        this.options = options;
        this.call = channel.newCall(GRPCInferenceServiceGrpc.getModelStreamInferMethod(), CallOptions.DEFAULT);
        call.start(new Answers(), new Metadata());
        call.request(options.maxInFlight());
    }

    /** A request from the call until its answer, also when nobody waits for that any more. */
    private final class Pending extends CompletableFuture<InferResponse> {

        private final String id;
        private final ModelInferRequest message;
        private ScheduledFuture<?> deadline;

        private Pending(String id, ModelInferRequest message) {
            this.id = id;
            this.message = message;
        }

        /** Gives up the answer. The server is not told: it has begun to work, or will not see the request. */
        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            forget(this);
            return super.cancel(mayInterruptIfRunning);
        }

        private void overdue(Duration timeout) {
            forget(this);
            fail(TritonException.of(Code.DEADLINE_EXCEEDED, endpoint + ": " + message.getModelName()
                    + " did not answer request " + id + " within " + timeout));
        }

        private void fail(TritonException reason) {
            disarm();
            completeExceptionally(reason);
        }

        private void disarm() {
            if (deadline != null) {
                deadline.cancel(false);
            }
        }
    }

    public TritonEndpoint endpoint() {
        return endpoint;
    }

    /** False once the stream has ended, at either side. */
    public boolean isOpen() {
        lock.lock();
        try {
            return broken == null;
        } finally {
            lock.unlock();
        }
    }

    /** {@link #infer(InferRequest, Duration)} with the client's own timeout. */
    public CompletableFuture<InferResponse> infer(InferRequest request) {
        return infer(request, options.callTimeout());
    }

    /**
     * Sends a request. Never blocks; when too many are in flight the stage fails at once.
     *
     * @param request its buffers must not change until the stage completes
     * @param timeout from now until the answer
     * @return completes on the client's executor; exceptionally with a {@link TritonException}
     */
    public CompletableFuture<InferResponse> infer(InferRequest request, Duration timeout) {
        lock.lock();
        try {
            if (broken != null) {
                return CompletableFuture.failedFuture(broken);
            }
            if (sent.size() + unsent.size() >= options.maxInFlight()) {
                return CompletableFuture.failedFuture(new TritonException(Code.RESOURCE_EXHAUSTED,
                        options.maxInFlight() + " requests are in flight to " + endpoint + ", no more are allowed", true,
                        null));
            }
            String id = Long.toString(++lastId);
            ModelInferRequest message = request.message(id);
            if (message.getSerializedSize() > options.maxMessageBytes()) {
                return CompletableFuture.failedFuture(TritonException.of(Code.RESOURCE_EXHAUSTED, "a request to "
                        + request.model() + " has " + message.getSerializedSize() + " bytes, more than the "
                        + options.maxMessageBytes() + " of the longest message allowed; send less, or allow more"));
            }
            Pending pending = new Pending(id, message);
            pending.deadline = Deadlines.after(timeout, () -> pending.overdue(timeout));
            unsent.add(pending);
            sendWhatFits();
            return pending;
        } finally {
            lock.unlock();
        }
    }

    /** Under the lock. */
    private void sendWhatFits() {
        while (broken == null && !unsent.isEmpty() && call.isReady()) {
            Pending next = unsent.poll();
            sent.put(next.id, next);
            call.sendMessage(next.message);
        }
    }

    /** A request that nobody waits for: it is not sent if it was not yet; its answer is still expected if it was. */
    private void forget(Pending pending) {
        lock.lock();
        try {
            unsent.remove(pending);
            pending.disarm();
        } finally {
            lock.unlock();
        }
    }

    /** What comes from the server. */
    private final class Answers extends ClientCall.Listener<ModelStreamInferResponse> {

        @Override
        public void onReady() {
            lock.lock();
            try {
                sendWhatFits();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void onMessage(ModelStreamInferResponse answer) {
            call.request(1);
            String error = answer.getErrorMessage();
            String id = answer.getInferResponse().getId();
            Pending pending = take(id, !error.isEmpty());
            if (pending == null) {
                breakOff(
                        new TritonException(Code.INTERNAL, endpoint + " answered request \"" + id + "\", which is not in flight"
                                + (error.isEmpty() ? "" : ", with the error: " + error), false, null));
                return;
            }
            pending.disarm();
            if (!error.isEmpty()) {
                pending.completeExceptionally(TritonException.ofAnswer(endpoint, error));
                return;
            }
            try {
                InferResponse response = new InferResponse(pending.message, answer.getInferResponse());
                if (!response.model().equals(pending.message.getModelName())) {
                    throw new TritonException(Code.INTERNAL, endpoint + " answered request " + id + " to "
                            + pending.message.getModelName() + " as model " + response.model(), false, null);
                }
                pending.complete(response);
            } catch (TritonException e) {
                pending.completeExceptionally(e);
            }
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            end(TritonException.ofStream(endpoint, status));
        }
    }

    /** The request that an answer is for; some errors come without an id, and then it must be the only one. */
    private Pending take(String id, boolean isError) {
        lock.lock();
        try {
            if (isError && id.isEmpty() && sent.size() == 1) {
                return sent.remove(sent.keySet().iterator().next());
            }
            return sent.remove(id);
        } finally {
            lock.unlock();
        }
    }

    private void breakOff(TritonException reason) {
        end(reason);
        call.cancel(reason.getMessage(), null);
    }

    private void end(TritonException reason) {
        List<Pending> lost;
        lock.lock();
        try {
            if (broken == null) {
                broken = reason;
            }
            lost = new ArrayList<>(sent.values());
            lost.addAll(unsent);
            sent.clear();
            unsent.clear();
        } finally {
            lock.unlock();
        }
        lost.forEach(pending -> pending.fail(reason));
    }

    /** Ends the stream; the server stops working on what is in flight, which fails. Closing twice does nothing. */
    @Override
    public void close() {
        breakOff(TritonException.of(Code.CANCELLED, "the stream to " + endpoint + " is closed"));
    }
}
