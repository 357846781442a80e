package io.quarkiverse.eagle.deployment;

import static org.hamcrest.Matchers.hasSize;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;

class EagleHealthOffTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.health.enabled", "false")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    @Test
    void readinessLeavesTheModelsOutWhenItsCheckIsOff() {
        RestAssured.get("/q/health/ready").then().statusCode(200).body("checks", hasSize(0));
    }
}
