package io.quarkiverse.eagle.triton.client;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

import io.smallrye.mutiny.Uni;

/**
 * A client of one or several Triton servers that serve the same models. One of them is the current one, for everybody who
 * shares
 * the client, until somebody reports that it failed.
 *
 * <pre>{@code
 * try (TritonClient triton = new TritonClient(TritonClientOptions.of("gpu-1:8001", "gpu-2:8001"))) {
 *     boolean ready = triton.withFailover(server -> server.modelReady("resnet")).await().indefinitely();
 *     InferStream stream = triton.connection().stream();
 *     stream.infer(new InferRequest("resnet").input("image", DataType.FP32, pixels, 1, 3, 224, 224))
 *             .thenAccept(answer -> System.out.println(answer.output("scores").data().asFloatBuffer().get(0)));
 * }
 * }</pre>
 */
public final class TritonClient implements AutoCloseable {

    private final TritonClientOptions options;
    private final List<TritonConnection> connections;
    private final AtomicInteger current = new AtomicInteger();

    /** @throws TritonException when TLS cannot be set up; servers are reached later */
    public TritonClient(TritonClientOptions options) {
        this.options = options;
        this.connections = options.endpoints().stream().map(endpoint -> new TritonConnection(endpoint, options)).toList();
    }

    public TritonClientOptions options() {
        return options;
    }

    /** The connection to the current server. */
    public TritonConnection connection() {
        return connections.get(current.get());
    }

    /**
     * Reports that a server failed: the next one becomes the current one, unless another is already.
     *
     * @return the current connection, ready to be tried at once
     */
    public TritonConnection failOver(TritonEndpoint failed) {
        int index = current.get();
        if (connections.get(index).endpoint().equals(failed)) {
            current.compareAndSet(index, (index + 1) % connections.size());
        }
        TritonConnection connection = connection();
        connection.wakeUp();
        return connection;
    }

    /**
     * Runs an operation that may be repeated: when it fails in a way that may pass, at the next server, after a wait, as often
     * as the client's back-off says.
     */
    public <T> Uni<T> withFailover(Function<TritonConnection, Uni<T>> operation) {
        return attempt(operation, 0);
    }

    private <T> Uni<T> attempt(Function<TritonConnection, Uni<T>> operation, int attempt) {
        return Uni.createFrom().deferred(() -> {
            TritonConnection connection = connection();
            return operation.apply(connection)
                    .onFailure(failure -> attempt + 1 < options.backoff().attempts() && isRetryable(failure))
                    .recoverWithUni(() -> {
                        failOver(connection.endpoint());
                        return Uni.createFrom().voidItem().onItem().delayIt().by(options.backoff().delay(attempt))
                                .chain(() -> attempt(operation, attempt + 1));
                    });
        });
    }

    private static boolean isRetryable(Throwable failure) {
        return failure instanceof TritonException triton && triton.isRetryable();
    }

    /** Closes all connections; what is in flight fails. */
    @Override
    public void close() {
        connections.forEach(TritonConnection::close);
    }
}
