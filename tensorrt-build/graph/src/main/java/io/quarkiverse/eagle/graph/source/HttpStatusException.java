package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.net.URI;

/** A server answered, but not with what was asked for. */
final class HttpStatusException extends IOException {

    private static final long serialVersionUID = 1L;

    private final int status;

    HttpStatusException(URI address, int status) {
        super(address.getHost() + " answered " + status + " for " + address.getPath());
        this.status = status;
    }

    int status() {
        return status;
    }

    boolean isMissing() {
        return status == 404 || status == 410;
    }

    boolean isRefusal() {
        return status == 401 || status == 403;
    }

    /** Whether the same request may succeed later. */
    boolean mayPass() {
        return status >= 500 || status == 429 || status == 408;
    }
}
