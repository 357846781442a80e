package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import org.jboss.shrinkwrap.api.asset.StringAsset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkus.devui.tests.DevUIJsonRPCTest;
import io.quarkus.test.QuarkusDevModeTest;
import io.restassured.RestAssured;

class EagleDevUITest extends DevUIJsonRPCTest {

    @RegisterExtension
    static final QuarkusDevModeTest APPLICATION = new QuarkusDevModeTest()
            .withApplicationRoot(jar -> jar.addClass(AnswerRoute.class).addAsResource(
                    new StringAsset("quarkus.eagle.slots=1\nquarkus.eagle.threads=2\n"), "application.properties"));

    EagleDevUITest() {
        super("quarkus-eagle");
    }

    @Test
    void theDevUIShowsTheModelAndItsLastAnswer() throws Exception {
        JsonNode before = executeJsonRPCMethod("models").get(0);
        assertThat(before.path("name").asText()).isEqualTo("<default>");
        assertThat(before.path("engine").asText()).isEqualTo("onnxruntime");
        assertThat(before.path("slots").asInt()).isEqualTo(1);
        assertThat(before.path("tau").asDouble()).isZero();
        RestAssured.get("/answer").then().statusCode(200);
        JsonNode after = executeJsonRPCMethod("models").get(0);
        assertThat(after.path("drafter").asText()).isEqualTo("eagle2");
        assertThat(after.path("tau").asDouble()).isGreaterThanOrEqualTo(1);
        assertThat(after.path("tokensPerSecond").asDouble()).isPositive();
    }
}
