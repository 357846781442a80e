package io.quarkiverse.eagle.openai;

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

    private final int status;
    private final String type;
    private final String param;
    private final String code;

    private RequestError(int status, String type, String param, String code, String message) {
        super(message, null, false, false);
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

    static RequestError deadlinePassed() {
        return new RequestError(504, "timeout_error", null, "deadline_exceeded",
                "the deadline passed before the answer was complete; allow more time or ask for fewer tokens");
    }

    /** What a failed generation is to the caller. Reasons inside the server are not told. */
    static RequestError of(Throwable failure) {
        if (failure instanceof RequestError error) {
            return error;
        }
        if (failure instanceof OverloadedException) {
            return new RequestError(429, "rate_limit_error", null, "rate_limit_exceeded", failure.getMessage());
        }
        if (failure instanceof EngineException || failure instanceof RejectedExecutionException) {
            return new RequestError(503, "server_error", null, "model_unavailable",
                    "the model cannot be reached at the moment; try again later");
        }
        if (failure instanceof InvalidRequestException) {
            // All other fields are checked while they are read; only the model knows its drafters, and only decoding shows
            // that a format leads nowhere.
            return wrong(failure.getMessage().startsWith("no token ") ? "response_format" : "drafter", failure.getMessage());
        }
        return new RequestError(500, "server_error", null, null, "the server failed; its log says why");
    }

    int status() {
        return status;
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putObject("error").put("message", getMessage()).put("type", type).put("param", param).put("code", code);
        return json;
    }
}
