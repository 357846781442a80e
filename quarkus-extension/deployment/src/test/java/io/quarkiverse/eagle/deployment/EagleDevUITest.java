package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.awaitility.Awaitility;
import org.jboss.shrinkwrap.api.asset.StringAsset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkus.devui.tests.DevUIJsonRPCTest;
import io.quarkus.test.QuarkusDevModeTest;
import io.restassured.RestAssured;

/** What the pages of the Dev UI ask for. The pages themselves are tested in a browser, in integration-tests/dev-ui. */
class EagleDevUITest extends DevUIJsonRPCTest {

    private static final String NAME = "quarkus-eagle";
    private static final Duration LONG = Duration.ofSeconds(60);

    @RegisterExtension
    static final QuarkusDevModeTest APPLICATION = new QuarkusDevModeTest()
            .withApplicationRoot(jar -> jar.addClass(AnswerRoute.class).addAsResource(
                    new StringAsset("quarkus.eagle.slots=1\nquarkus.eagle.threads=2\n"), "application.properties"));

    EagleDevUITest() {
        super(NAME);
    }

    /** One application for all, for it takes seconds to start. */
    @Test
    void theDevUIShowsModelsTreesAndCosts() throws Exception {
        assertThat(costs().path("budgets")).isEmpty();
        theModelsAndTheirLastAnswer();
        theCostsOfStepsAndTheBudgetsOfCycles();
        everyTreeOfAnAnswer();
        aRequestThatFailsIsTold();
        unsubscribingFreesTheSlot();
    }

    private void theModelsAndTheirLastAnswer() throws Exception {
        JsonNode before = model();
        assertThat(before.path("name").asText()).isEqualTo("<default>");
        assertThat(before.path("engine").asText()).isEqualTo("onnxruntime");
        assertThat(before.path("slots").asInt()).isEqualTo(1);
        assertThat(before.path("tau").asDouble()).isZero();
        assertThat(before.path("drafters")).extracting(JsonNode::asText).contains("eagle2", "none").doesNotContain("medusa");
        RestAssured.get("/answer").then().statusCode(200);
        JsonNode after = model();
        assertThat(after.path("drafter").asText()).isEqualTo("eagle2");
        assertThat(after.path("tau").asDouble()).isGreaterThanOrEqualTo(1);
        assertThat(after.path("tokensPerSecond").asDouble()).isPositive();
    }

    private void theCostsOfStepsAndTheBudgetsOfCycles() throws Exception {
        JsonNode costs = costs();
        assertThat(costs.path("target")).extracting(cost -> cost.path("rows").asInt()).hasSizeGreaterThan(3).isSorted();
        assertThat(costs.path("target")).allSatisfy(cost -> assertThat(cost.path("milliseconds").asDouble()).isPositive());
        assertThat(costs.path("draft")).isNotEmpty();
        assertThat(costs.path("budgets")).isNotEmpty();
    }

    private void everyTreeOfAnAnswer() throws Exception {
        List<JsonNode> steps = awaitEnd(Map.of("model", "<default>", "prompt", "Write the numbers from one to twelve.",
                "drafter", "eagle2", "nodes", 12, "maxTokens", 32));
        JsonNode answer = steps.get(steps.size() - 1).path("answer");
        assertThat(steps).hasSize(answer.path("tokens").asInt());
        List<JsonNode> cycles = steps.stream().map(step -> step.path("cycle")).filter(JsonNode::isObject).toList();
        assertThat(cycles).hasSize(answer.path("cycles").asInt());
        List<String> emitted = new ArrayList<>();
        for (JsonNode cycle : cycles) {
            assertThat(cycle.path("number").asInt()).isEqualTo(cycles.indexOf(cycle) + 1);
            assertThat(cycle.path("nodes")).hasSizeLessThanOrEqualTo(12);
            List<String> accepted = new ArrayList<>();
            for (int i = 0; i < cycle.path("nodes").size(); i++) {
                JsonNode node = cycle.path("nodes").path(i);
                assertThat(node.path("parent").asInt()).isLessThan(i);
                assertThat(node.path("percent").asDouble()).isBetween(0.0, 100.0);
                if (node.path("accepted").asBoolean()) {
                    accepted.add(node.path("text").asText());
                }
            }
            List<String> brought = new ArrayList<>();
            cycle.path("emitted").forEach(token -> brought.add(token.asText()));
            assertThat(brought).hasSizeBetween(accepted.size(), accepted.size() + 1);
            assertThat(brought.subList(0, accepted.size())).isEqualTo(accepted);
            emitted.addAll(brought);
        }
        String text = String.join("", steps.stream().map(step -> step.path("text").asText()).toList());
        assertThat(steps.get(0).path("text").asText() + String.join("", emitted)).startsWith(text);
        assertThat(cycles).anyMatch(cycle -> cycle.path("nodes").size() > 4);
        assertThat(costs().path("budgets")).anyMatch(budget -> budget.path("nodes").asInt() > 4);
    }

    private void aRequestThatFailsIsTold() throws Exception {
        List<JsonNode> steps = awaitEnd(Map.of("model", "<default>", "prompt", "Hello", "drafter", "medusa", "nodes", 0,
                "maxTokens", 8));
        assertThat(steps).singleElement().extracting(step -> step.path("error").asText()).asString().contains("medusa");
    }

    private void unsubscribingFreesTheSlot() throws Exception {
        try (DevUISubscription endless = new DevUISubscription(uri, NAME + "_generate", Map.of("model", "<default>",
                "prompt", "Tell me a very long story about a river.", "drafter", "none", "nodes", 0, "maxTokens", 1500))) {
            Awaitility.await().atMost(LONG).until(() -> endless.items().size() > 2);
            assertThat(model().path("slotsInUse").asInt()).isEqualTo(1);
            endless.unsubscribe();
            Awaitility.await().atMost(LONG).until(() -> model().path("slotsInUse").asInt() == 0);
            assertThat(endless.items()).noneMatch(step -> step.path("answer").isObject());
        }
    }

    private List<JsonNode> awaitEnd(Map<String, Object> parameters) throws Exception {
        try (DevUISubscription steps = new DevUISubscription(uri, NAME + "_generate", parameters)) {
            Awaitility.await().atMost(LONG).until(() -> steps.items().stream()
                    .anyMatch(step -> step.path("answer").isObject() || step.path("error").isTextual()));
            return steps.items();
        }
    }

    private JsonNode model() throws Exception {
        return executeJsonRPCMethod("models").get(0);
    }

    private JsonNode costs() throws Exception {
        return executeJsonRPCMethod("costs", Map.of("model", "<default>"));
    }
}
