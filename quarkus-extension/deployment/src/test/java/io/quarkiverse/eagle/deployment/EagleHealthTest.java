package io.quarkiverse.eagle.deployment;

import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasEntry;

import java.time.Duration;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

class EagleHealthTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.health.timeout", "1s")
            .overrideConfigKey("quarkus.eagle.health.valid-for", "100ms");

    @Inject
    EagleModel model;

    @Test
    void theApplicationIsReadyWhenAStepWorks() {
        RestAssured.get("/q/health/ready").then().statusCode(200)
                .body("status", equalTo("UP"))
                .body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("<default>", "a step works"));
    }

    @Test
    void theApplicationIsNotReadyWhileNoStepCanRun() {
        AssertSubscriber<GeneratedToken> reader = model.stream(GenerationRequest.raw("one, two, three, four, five, six,")
                .with(GenerationOptions.defaults().withMaxTokens(1500)))
                .subscribe().withSubscriber(AssertSubscriber.create(1));
        reader.awaitItems(1, Duration.ofSeconds(30));
        awaitReadiness(503, "no step within 1000 ms");
        reader.cancel();
        awaitReadiness(200, "a step works");
    }

    private static void awaitReadiness(int status, String reason) {
        Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> RestAssured.get("/q/health/ready").then()
                .statusCode(status).body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("<default>", reason)));
    }
}
