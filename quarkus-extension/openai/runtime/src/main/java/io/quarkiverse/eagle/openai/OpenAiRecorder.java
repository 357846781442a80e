package io.quarkiverse.eagle.openai;

import java.util.function.BiConsumer;
import java.util.function.Consumer;

import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.arc.runtime.BeanContainer;
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.runtime.annotations.Recorder;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.RoutingContext;

/** Makes the endpoints' route handlers when the application starts. */
@Recorder
public class OpenAiRecorder {

    private final RuntimeValue<OpenAiConfig> config;

    public OpenAiRecorder(RuntimeValue<OpenAiConfig> config) {
        this.config = config;
    }

    public RuntimeValue<OpenAiEndpoints> endpoints(BeanContainer beans) {
        return new RuntimeValue<>(new OpenAiEndpoints(config.getValue(), beans.beanInstance(OpenModels.class),
                task -> Infrastructure.getDefaultWorkerPool().execute(task)));
    }

    /** Lets a route take requests of one method only. */
    public Consumer<Route> only(String method) {
        return route -> route.method(HttpMethod.valueOf(method));
    }

    public Handler<RoutingContext> chatCompletions(RuntimeValue<OpenAiEndpoints> endpoints) {
        return handler(endpoints, OpenAiEndpoints::chatCompletions);
    }

    public Handler<RoutingContext> completions(RuntimeValue<OpenAiEndpoints> endpoints) {
        return handler(endpoints, OpenAiEndpoints::completions);
    }

    public Handler<RoutingContext> tokenize(RuntimeValue<OpenAiEndpoints> endpoints) {
        return handler(endpoints, OpenAiEndpoints::tokenize);
    }

    public Handler<RoutingContext> listModels(RuntimeValue<OpenAiEndpoints> endpoints) {
        return handler(endpoints, OpenAiEndpoints::listModels);
    }

    public Handler<RoutingContext> describeModel(RuntimeValue<OpenAiEndpoints> endpoints) {
        return handler(endpoints, OpenAiEndpoints::describeModel);
    }

    private static Handler<RoutingContext> handler(RuntimeValue<OpenAiEndpoints> endpoints,
            BiConsumer<OpenAiEndpoints, RoutingContext> endpoint) {
        OpenAiEndpoints made = endpoints.getValue();
        return routing -> endpoint.accept(made, routing);
    }
}
