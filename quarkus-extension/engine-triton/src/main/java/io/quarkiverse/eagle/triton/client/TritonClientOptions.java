package io.quarkiverse.eagle.triton.client;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;

/**
 * How a client reaches its servers. Immutable; start from {@link #of} and change what you need.
 *
 * @param endpoints servers in order of preference; the next one is taken when one fails
 * @param tls encryption; null sends plain text
 * @param headers metadata of every call, as {@code triton-grpc-protocol-admin-key} for a restricted protocol
 * @param callTimeout deadline of every call that has none of its own
 * @param keepAlive silence after which a connection is probed. Triton counts probes of a connection without data that come
 *        faster than every five minutes as abuse and drops the connection, unless it is started with a shorter
 *        {@code --grpc-http2-min-recv-ping-interval-without-data}
 * @param keepAliveTimeout how long a probe may stay unanswered before the connection is given up
 * @param backoff waits between tries
 * @param maxMessageBytes longest message in either direction
 * @param maxInFlight most unanswered requests per stream
 * @param executor runs completions; null takes gRPC's threads. {@code Runnable::run} completes on the network's thread, which
 *        saves a change of threads when nothing that depends on an answer blocks
 */
public record TritonClientOptions(List<TritonEndpoint> endpoints, TritonTls tls, Map<String, String> headers,
        Duration callTimeout, Duration keepAlive, Duration keepAliveTimeout, Backoff backoff, int maxMessageBytes,
        int maxInFlight, Executor executor) {

    public static final int DEFAULT_MAX_MESSAGE_BYTES = 64 << 20;

    public static final int DEFAULT_MAX_IN_FLIGHT = 64;

    public TritonClientOptions {
        endpoints = List.copyOf(endpoints);
        headers = Map.copyOf(headers);
        if (endpoints.isEmpty()) {
            throw new IllegalArgumentException("there is no endpoint; give at least one host:port");
        }
        positive("call timeout", callTimeout);
        positive("keep-alive", keepAlive);
        positive("keep-alive timeout", keepAliveTimeout);
        if (maxMessageBytes < 1) {
            throw new IllegalArgumentException("max message bytes is " + maxMessageBytes + "; it must be positive");
        }
        if (maxInFlight < 1) {
            throw new IllegalArgumentException("max in flight is " + maxInFlight + "; it must be at least 1");
        }
    }

    private static void positive(String name, Duration value) {
        if (value.isNegative() || value.isZero()) {
            throw new IllegalArgumentException(name + " is " + value + "; it must be positive");
        }
    }

    /** Plain text to servers written as {@code host:port}. */
    public static TritonClientOptions of(String... endpoints) {
        return new TritonClientOptions(List.of(endpoints).stream().map(TritonEndpoint::parse).toList(), null, Map.of(),
                Duration.ofSeconds(10), Duration.ofMinutes(6), Duration.ofSeconds(20), Backoff.defaults(),
                DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MAX_IN_FLIGHT, null);
    }

    public TritonClientOptions withTls(TritonTls value) {
        return new TritonClientOptions(endpoints, value, headers, callTimeout, keepAlive, keepAliveTimeout, backoff,
                maxMessageBytes, maxInFlight, executor);
    }

    public TritonClientOptions withHeaders(Map<String, String> value) {
        return new TritonClientOptions(endpoints, tls, value, callTimeout, keepAlive, keepAliveTimeout, backoff,
                maxMessageBytes, maxInFlight, executor);
    }

    public TritonClientOptions withCallTimeout(Duration value) {
        return new TritonClientOptions(endpoints, tls, headers, value, keepAlive, keepAliveTimeout, backoff,
                maxMessageBytes, maxInFlight, executor);
    }

    public TritonClientOptions withKeepAlive(Duration value, Duration timeout) {
        return new TritonClientOptions(endpoints, tls, headers, callTimeout, value, timeout, backoff, maxMessageBytes,
                maxInFlight, executor);
    }

    public TritonClientOptions withBackoff(Backoff value) {
        return new TritonClientOptions(endpoints, tls, headers, callTimeout, keepAlive, keepAliveTimeout, value,
                maxMessageBytes, maxInFlight, executor);
    }

    public TritonClientOptions withMaxMessageBytes(int value) {
        return new TritonClientOptions(endpoints, tls, headers, callTimeout, keepAlive, keepAliveTimeout, backoff, value,
                maxInFlight, executor);
    }

    public TritonClientOptions withMaxInFlight(int value) {
        return new TritonClientOptions(endpoints, tls, headers, callTimeout, keepAlive, keepAliveTimeout, backoff,
                maxMessageBytes, value, executor);
    }

    public TritonClientOptions withExecutor(Executor value) {
        return new TritonClientOptions(endpoints, tls, headers, callTimeout, keepAlive, keepAliveTimeout, backoff,
                maxMessageBytes, maxInFlight, value);
    }
}
