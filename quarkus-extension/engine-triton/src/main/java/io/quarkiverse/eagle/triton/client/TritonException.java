package io.quarkiverse.eagle.triton.client;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

import io.grpc.Status;
import io.grpc.Status.Code;

/** A request to a Triton server failed. The message is the server's, or says what the client found and expected. */
public final class TritonException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** A stream tells errors of requests as text only; these texts mean that a later try may succeed. */
    private static final List<String> PASSING = List.of("is not healthy", "Exceeds maximum queue size",
            "has stopped accepting new inference requests", "has no available versions");

    /** Triton refuses a missing key as UNAVAILABLE, but trying again does not bring the key. */
    private static final String RESTRICTED = "protocol is restricted";

    private static final Set<Code> PASSING_CALLS = EnumSet.of(Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED,
            Code.ABORTED);

    /** How a stream ends when a server dies, a proxy gives up or a connection breaks. */
    private static final Set<Code> PASSING_STREAMS = EnumSet.of(Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED,
            Code.ABORTED, Code.INTERNAL, Code.UNKNOWN);

    private final Code status;
    private final boolean retryable;

    /** @param retryable whether the same request may succeed later, or at another server */
    public TritonException(Code status, String message, boolean retryable, Throwable cause) {
        super(message, cause);
        this.status = status;
        this.retryable = retryable;
    }

    static TritonException of(Code status, String message) {
        return new TritonException(status, message, PASSING_CALLS.contains(status), null);
    }

    /** A call of its own ended with this status. */
    static TritonException ofCall(TritonEndpoint endpoint, Status status) {
        boolean passing = PASSING_CALLS.contains(status.getCode()) || isPassing(status.getDescription());
        return of(endpoint, status, passing);
    }

    /** A stream ended with this status; what was in flight is lost with it. */
    static TritonException ofStream(TritonEndpoint endpoint, Status status) {
        if (status.isOk()) {
            return of(endpoint, Status.UNAVAILABLE.withDescription("the server ended the stream"), true);
        }
        return of(endpoint, status, PASSING_STREAMS.contains(status.getCode()));
    }

    private static TritonException of(TritonEndpoint endpoint, Status status, boolean passing) {
        String description = status.getDescription() == null ? "no description" : status.getDescription();
        StringBuilder message = new StringBuilder().append(endpoint).append(": ").append(status.getCode()).append(", ")
                .append(description);
        for (Throwable cause = status.getCause(); cause != null; cause = cause.getCause()) {
            message.append(": ").append(cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage());
        }
        return new TritonException(status.getCode(), message.toString(), passing && !description.contains(RESTRICTED),
                status.getCause());
    }

    /** A request on a stream was answered with this error. */
    static TritonException ofAnswer(TritonEndpoint endpoint, String error) {
        boolean passing = isPassing(error);
        return new TritonException(passing ? Code.UNAVAILABLE : Code.UNKNOWN, endpoint + ": " + error, passing, null);
    }

    private static boolean isPassing(String message) {
        return message != null && PASSING.stream().anyMatch(message::contains);
    }

    /** The gRPC status; {@code UNKNOWN} for an error that a stream brought, which has none. */
    public Code status() {
        return status;
    }

    /** Whether the same request may succeed later, or at another server. */
    public boolean isRetryable() {
        return retryable;
    }
}
