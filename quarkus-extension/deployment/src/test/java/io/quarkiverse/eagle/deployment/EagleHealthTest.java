package io.quarkiverse.eagle.deployment;

import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasEntry;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.runtime.OpenModels;
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
    OpenModels models;

    @Test
    void theApplicationIsReadyWhenAStepWorks() {
        RestAssured.get("/q/health/ready").then().statusCode(200)
                .body("status", equalTo("UP"))
                .body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("<default>", "a step works"));
    }

    /** A cycle that never ends takes the decode loop, as an engine does that hangs. */
    @Test
    void theApplicationIsNotReadyWhileNoStepCanRun() {
        CountDownLatch hanging = new CountDownLatch(1);
        AssertSubscriber<GeneratedToken> reader = models.all().get("<default>").model()
                .stream(GenerationRequest.raw("one, two, three, four, five, six,"),
                        (root, tree, accepted, emitted, count) -> await(hanging))
                .subscribe().withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
        try {
            awaitReadiness(503, "no step within 1000 ms");
        } finally {
            reader.cancel();
            hanging.countDown();
        }
        awaitReadiness(200, "a step works");
    }

    private static void await(CountDownLatch hanging) {
        try {
            hanging.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void awaitReadiness(int status, String reason) {
        Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> RestAssured.get("/q/health/ready").then()
                .statusCode(status).body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("<default>", reason)));
    }
}
