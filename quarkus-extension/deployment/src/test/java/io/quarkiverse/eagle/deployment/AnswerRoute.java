package io.quarkiverse.eagle.deployment;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.vertx.ext.web.Router;

/** The application of {@link EagleDevModeTest}, which changes its question while it runs. */
@Singleton
public class AnswerRoute {

    static final String QUESTION = "What is the capital of France?";

    void route(@Observes Router router, EagleModel model) {
        router.get("/answer").handler(exchange -> model
                .generate(GenerationRequest.chat(QUESTION).with(GenerationOptions.defaults().withMaxTokens(24)))
                .subscribe().with(result -> exchange.end(result.text()), exchange::fail));
    }
}
