package io.quarkiverse.eagle.openai.deployment;

import io.quarkiverse.eagle.openai.OpenAiEndpoints;
import io.quarkiverse.eagle.openai.OpenAiRecorder;
import io.quarkus.arc.deployment.BeanContainerBuildItem;
import io.quarkus.arc.deployment.SyntheticBeansRuntimeInitBuildItem;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.Consume;
import io.quarkus.deployment.annotations.ExecutionTime;
import io.quarkus.deployment.annotations.Record;
import io.quarkus.deployment.builditem.FeatureBuildItem;
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.vertx.http.deployment.HttpRootPathBuildItem;
import io.quarkus.vertx.http.deployment.RouteBuildItem;

/** Puts the endpoints on the application's HTTP server, under its root path. */
class OpenAiProcessor {

    private static final String FEATURE = "eagle-openai";

    @BuildStep
    FeatureBuildItem feature() {
        return new FeatureBuildItem(FEATURE);
    }

    /** After the models are open: the endpoints look them up. */
    @BuildStep
    @Record(ExecutionTime.RUNTIME_INIT)
    @Consume(SyntheticBeansRuntimeInitBuildItem.class)
    void routes(OpenAiRecorder recorder, BeanContainerBuildItem beans, HttpRootPathBuildItem root,
            BuildProducer<RouteBuildItem> routes) {
        RuntimeValue<OpenAiEndpoints> endpoints = recorder.endpoints(beans.getValue());
        routes.produce(root.routeBuilder().routeFunction("/v1/chat/completions", recorder.only("POST"))
                .handler(recorder.chatCompletions(endpoints)).build());
        routes.produce(root.routeBuilder().routeFunction("/v1/completions", recorder.only("POST"))
                .handler(recorder.completions(endpoints)).build());
        routes.produce(root.routeBuilder().routeFunction("/tokenize", recorder.only("POST"))
                .handler(recorder.tokenize(endpoints)).build());
        routes.produce(root.routeBuilder().routeFunction("/v1/models", recorder.only("GET"))
                .handler(recorder.listModels(endpoints)).build());
        routes.produce(root.routeBuilder().routeFunction("/v1/models/:model", recorder.only("GET"))
                .handler(recorder.describeModel(endpoints)).build());
    }

}
