package io.quarkiverse.eagle.openai;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.OverloadedException;
import io.vertx.core.http.HttpServerResponse;

/** Writes complete JSON responses. Only called on the response's own Vert.x context. */
final class Responses {

    private static final Logger LOG = Logger.getLogger(Responses.class);

    private Responses() {
    }

    static void json(HttpServerResponse response, int status, ObjectNode json) {
        if (response.ended() || response.closed()) {
            return; // the client has gone
        }
        response.setStatusCode(status).putHeader("Content-Type", "application/json").end(json.toString());
    }

    static void fail(HttpServerResponse response, Throwable failure) {
        RequestError error = error(failure);
        if (response.ended() || response.closed()) {
            return;
        }
        if (error.retryAfter() != null) {
            response.putHeader("Retry-After", Long.toString(error.retryAfter().plusMillis(999).toSeconds()));
        } else if (error.status() == 401) {
            response.putHeader("WWW-Authenticate", "Bearer");
        } else if (error.status() == 413) {
            response.putHeader("Connection", "close"); // the rest of the body is not worth reading
        }
        json(response, error.status(), error.json());
    }

    /** The error that the client sees; what is the server's own fault is logged with its reason. */
    static RequestError error(Throwable failure) {
        RequestError error = RequestError.of(failure);
        if (error.status() >= 500 && error != failure && !(failure instanceof OverloadedException)) {
            LOG.error("A request to the OpenAI API failed", failure);
        }
        return error;
    }
}
