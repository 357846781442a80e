package io.quarkiverse.eagle.deployment;

import java.time.Duration;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

class EagleHealthValidityTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.health.timeout", "100ms")
            .overrideConfigKey("quarkus.eagle.health.valid-for", "1h");

    @Inject
    EagleModel model;

    @Test
    void aModelThatHasJustServedARequestIsNotProbed() {
        AssertSubscriber<GeneratedToken> reader = model.stream(GenerationRequest.raw("one, two, three, four, five, six,")
                .with(GenerationOptions.defaults().withMaxTokens(1500)))
                .subscribe().withSubscriber(AssertSubscriber.create(1));
        reader.awaitItems(1, Duration.ofSeconds(30));
        // The only slot is taken, so a probe would find no step within its time.
        RestAssured.get("/q/health/ready").then().statusCode(200);
        reader.cancel();
    }
}
