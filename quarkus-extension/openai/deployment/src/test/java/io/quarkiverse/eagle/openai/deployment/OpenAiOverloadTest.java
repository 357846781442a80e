package io.quarkiverse.eagle.openai.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

import jakarta.inject.Inject;

import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.restassured.path.json.JsonPath;

/** One slot, which somebody holds: what others hear who wait too long, are too many, or come while the model closes. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class OpenAiOverloadTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.queue-timeout", "2s")
            .overrideConfigKey("quarkus.eagle.tenant-queue-limit", "1")
            .overrideConfigKey("quarkus.eagle.openai.api-keys", "first-key,second-key");

    private static final String ENDLESS = "{\"prompt\": \"one, two, three, four, five, six, seven, eight,\", \"temperature\": 0,"
            + " \"max_tokens\": 1500, \"stream\": true}";
    private static final String SHORT = "{\"prompt\": \"Hi\", \"max_tokens\": 1}";

    @Inject
    OpenModels models;

    private final HttpClient client = HttpClient.newHttpClient();

    @Test
    @Order(1)
    void whoWaitsTooLongOrIsOneTooManyOfItsKeyHearsWhyAndWhenToTryAgain() {
        try (Stream<String> running = openStream()) {
            List<HttpResponse<String>> two = Stream.of(sendLater(), sendLater()).map(CompletableFuture::join)
                    .sorted(Comparator.comparing(HttpResponse::statusCode)).toList();
            refused(two.get(0), 429, "tenant_limit_exceeded", "rate_limit_error");
            refused(two.get(1), 504, "queue_timeout", "timeout_error");
        }
    }

    @Test
    @Order(2)
    void whileTheModelClosesWhatRunsGoesOnUntilTheLimitAndTheRestIsTurnedAway() {
        await().until(() -> model().slotsInUse() == 0);
        try (Stream<String> running = openStream()) {
            model().drain(Duration.ofSeconds(2));
            refused(sendLater().join(), 503, "shutting_down", "server_error");
            assertThat(running.reduce("", String::concat)).contains("\"shutting_down\"").contains("\"server_error\"")
                    .doesNotContain("[DONE]");
        }
    }

    private SpeculativeModel model() {
        return models.get("<default>").model();
    }

    /** An answer that has begun, line by line. */
    private Stream<String> openStream() {
        HttpResponse<Stream<String>> response = client
                .sendAsync(request("first-key", ENDLESS), HttpResponse.BodyHandlers.ofLines()).join();
        assertThat(response.statusCode()).isEqualTo(200);
        return response.body();
    }

    private CompletableFuture<HttpResponse<String>> sendLater() {
        return client.sendAsync(request("second-key", SHORT), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpRequest request(String key, String body) {
        return HttpRequest.newBuilder(URI.create("http://localhost:" + RestAssured.port + "/v1/completions"))
                .header("Authorization", "Bearer " + key).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    }

    private static void refused(HttpResponse<String> response, int status, String code, String type) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        JsonPath error = JsonPath.from(response.body());
        assertThat(error.getString("error.code")).isEqualTo(code);
        assertThat(error.getString("error.type")).isEqualTo(type);
        assertThat(error.getString("error.message")).isNotBlank();
        assertThat(response.headers().firstValueAsLong("Retry-After").orElse(0)).isBetween(1L, 60L);
    }
}
