package io.quarkiverse.eagle.openai;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.engine.EngineException;

/** A request that is not served, in the words of the OpenAI API: an HTTP status and an error object. */
final class RequestError extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final String INVALID = "invalid_request_error";
    private static final String RATE_LIMIT = "rate_limit_error";
    private static final String TIMEOUT = "timeout_error";
    private static final String SERVER = "server_error";
    private static final String SHUTTING_DOWN = "shutting_down";

    /** For failures of which nobody knows how long they last. */
    private static final Duration SOON = Duration.ofSeconds(1);

    private final int status;
    private final String type;
    private final String param;
    private final String code;
    private final Duration retryAfter;

    private RequestError(int status, String type, String param, String code, String message) {
        this(status, type, param, code, message, null);
    }

    private RequestError(int status, String type, String param, String code, String message, Duration retryAfter) {
        super(message, null, false, false);
        this.retryAfter = retryAfter;
        this.status = status;
        this.type = type;
        this.param = param;
        this.code = code;
    }

    /** @param param the field that has to change, null where it is the body as a whole */
    static RequestError wrong(String param, String message) {
        return new RequestError(400, INVALID, param, null, message);
    }

    /** The request asks for what this server does not do. */
    static RequestError unsupported(String param, String message) {
        return new RequestError(400, INVALID, param, "unsupported_parameter", message);
    }

    static RequestError promptTooLong(String param, String message) {
        return new RequestError(400, INVALID, param, "context_length_exceeded", message);
    }

    static RequestError unauthorised() {
        return new RequestError(401, INVALID, null, "invalid_api_key",
                "the API key is missing or wrong; send one of the server's keys as Authorization: Bearer KEY");
    }

    static RequestError noModel(String model, Iterable<String> available) {
        return new RequestError(404, INVALID, "model", "model_not_found",
                "there is no model \"" + model + "\"; there are " + String.join(", ", available));
    }

    static RequestError bodyTooLarge(long limit) {
        return new RequestError(413, INVALID, null, "request_too_large", "the body is larger than " + limit
                + " bytes; send less, or raise " + OpenAiConfig.PREFIX + ".max-body-size");
    }

    /** @param retryAfter when the model should be less busy */
    static RequestError deadlinePassed(Duration retryAfter) {
        return new RequestError(504, TIMEOUT, null, "deadline_exceeded",
                "the deadline passed before the answer was complete; allow more time or ask for fewer tokens", retryAfter);
    }

    /** @param retryAfter when another try may find the server, or another one, open */
    static RequestError shutDown(Duration retryAfter) {
        return new RequestError(503, SERVER, null, SHUTTING_DOWN,
                "the server is closing, and the answer was not complete in time; ask again", retryAfter);
    }

    /** The answer was for a client that did not read. */
    static RequestError abandoned() {
        return new RequestError(408, INVALID, null, "abandoned",
                "the answer was not read for so long that it was ended; read it as it comes");
    }

    private static RequestError overloaded(OverloadedException refusal) {
        return switch (refusal.reason()) {
            case QUEUE_FULL -> refused(429, RATE_LIMIT, "rate_limit_exceeded", refusal);
            case TENANT_LIMIT -> refused(429, RATE_LIMIT, "tenant_limit_exceeded", refusal);
            case QUEUE_TIMEOUT -> refused(504, TIMEOUT, "queue_timeout", refusal);
            case SHUTTING_DOWN -> refused(503, SERVER, SHUTTING_DOWN, refusal);
        };
    }

    private static RequestError refused(int status, String type, String code, OverloadedException refusal) {
        return new RequestError(status, type, null, code, refusal.getMessage(), refusal.retryAfter());
    }

    /** What a failed generation is to the caller. Reasons inside the server are not told. */
    static RequestError of(Throwable failure) {
        if (failure instanceof RequestError error) {
            return error;
        }
        if (failure instanceof OverloadedException refusal) {
            return overloaded(refusal);
        }
        if (failure instanceof EngineException || failure instanceof RejectedExecutionException) {
            return new RequestError(503, SERVER, null, "model_unavailable",
                    "the model cannot be reached at the moment; try again later", SOON);
        }
        if (failure instanceof InvalidRequestException) {
            // All other fields are checked while they are read; only the model knows its drafters, and only decoding shows
            // that a format leads nowhere.
            return wrong(failure.getMessage().startsWith("no token ") ? "response_format" : "drafter", failure.getMessage());
        }
        return new RequestError(500, SERVER, null, null, "the server failed; its log says why");
    }

    int status() {
        return status;
    }

    /** A good time to wait before the next try; null where trying again does not help. */
    Duration retryAfter() {
        return retryAfter;
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putObject("error").put("message", getMessage()).put("type", type).put("param", param).put("code", code);
        return json;
    }
}
