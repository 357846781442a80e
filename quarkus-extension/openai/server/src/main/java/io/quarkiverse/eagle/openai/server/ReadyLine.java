package io.quarkiverse.eagle.openai.server;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.ObservesAsync;

import io.quarkiverse.eagle.EagleModel;
import io.quarkus.vertx.http.HttpServerStart;
import io.vertx.core.http.HttpServerOptions;

/** Says on standard output that the server takes requests, and where. Whoever started it may wait for this line. */
@ApplicationScoped
class ReadyLine {

    private final EagleModel model;

    ReadyLine(EagleModel model) {
        this.model = model;
    }

    void started(@ObservesAsync HttpServerStart server) {
        HttpServerOptions options = server.options();
        String host = options.getHost().contains(":") ? "[" + options.getHost() + "]" : options.getHost();
        System.out.println("Serving " + model.name() + " at http://" + host + ":" + options.getPort() + "/v1");
        System.out.flush();
    }
}
