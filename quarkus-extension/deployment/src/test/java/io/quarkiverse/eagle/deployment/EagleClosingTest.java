package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.hamcrest.Matchers.hasEntry;

import java.time.Duration;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

class EagleClosingTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "2")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final Duration LONG = Duration.ofSeconds(60);

    @Inject
    OpenModels models;

    @Inject
    MeterRegistry registry;

    @Test
    void aModelThatClosesIsNotReadyAndCountsWhomItRefusesAndWhatItEnds() {
        ServedModel served = models.get("<default>");
        SpeculativeModel model = served.model();
        AssertSubscriber<GeneratedToken> running = served
                .stream(GenerationRequest.raw("one, two, three, four, five, six, seven, eight,")
                        .with(GenerationOptions.defaults().withMaxTokens(1500)))
                .subscribe().withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
        running.awaitNextItem(LONG);
        RestAssured.get("/q/health/ready").then().statusCode(200);
        model.drain(Duration.ofSeconds(1));
        RestAssured.get("/q/health/ready").then().statusCode(503)
                .body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("<default>", "the model is closing"));
        assertThatThrownBy(() -> served.generate(GenerationRequest.raw("one,")).await().atMost(LONG))
                .isInstanceOf(OverloadedException.class);
        model.close(LONG);
        running.awaitCompletion(LONG);
        assertThat(running.getLastItem().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertThat(count("eagle.refused", "reason", "shutting_down")).isEqualTo(1);
        assertThat(count("eagle.generations", "outcome", "shutdown")).isEqualTo(1);
    }

    private double count(String meter, String tag, String value) {
        return registry.find(meter).tag("model", "<default>").tag(tag, value).counter().count();
    }
}
