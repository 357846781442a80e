package io.quarkiverse.eagle.openai.deployment;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;

/** One slot and a queue of one, so that a slot that is not freed shows. */
class OpenAiRefusalsTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.queue-limit", "1")
            .overrideConfigKey("quarkus.eagle.max-prompt-tokens", "1000")
            .overrideConfigKey("quarkus.eagle.max-tokens", "1500")
            .overrideConfigKey("quarkus.eagle.openai.max-messages", "2")
            .overrideConfigKey("quarkus.eagle.openai.max-choices", "3")
            .overrideConfigKey("quarkus.eagle.openai.max-body-size", "20000")
            .overrideConfigKey("quarkus.eagle.openai.api-keys", "first-key,second-key");

    private static final String HELLO = "\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]";
    private static final String TOOL = "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"a\"}}]";
    private static final String ENDLESS = "{\"prompt\": \"one, two, three, four, five, six, seven, eight,\", \"temperature\": 0,"
            + " \"max_tokens\": 1500, \"stream\": ";

    @ParameterizedTest(name = "{1}: {0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "HELLO, \"temperature\": -1 | temperature",
            "HELLO, \"temperature\": \"warm\" | temperature",
            "HELLO, \"top_p\": 0 | top_p",
            "HELLO, \"top_k\": -1 | top_k",
            "HELLO, \"min_p\": 1 | min_p",
            "HELLO, \"repetition_penalty\": 0 | repetition_penalty",
            "HELLO, \"presence_penalty\": 3 | presence_penalty",
            "HELLO, \"frequency_penalty\": -2.5 | frequency_penalty",
            "HELLO, \"max_tokens\": 0 | max_tokens",
            "HELLO, \"max_tokens\": 1.5 | max_tokens",
            "HELLO, \"max_tokens\": 1501 | max_tokens",
            "HELLO, \"max_completion_tokens\": 1501 | max_completion_tokens",
            "HELLO, \"priority\": \"urgent\" | priority",
            "HELLO, \"max_completion_tokens\": -4 | max_completion_tokens",
            "HELLO, \"seed\": \"x\" | seed",
            "HELLO, \"stop\": [1] | stop",
            "HELLO, \"stop\": [\"a\", \"b\", \"c\", \"d\", \"e\"] | stop",
            "HELLO, \"stop\": \"\" | stop",
            "HELLO, \"n\": 4 | n",
            "HELLO, \"n\": 0 | n",
            "HELLO, \"stream\": \"yes\" | stream",
            "HELLO, \"stream_options\": {\"include_usage\": 1} | stream_options.include_usage",
            "HELLO, \"logprobs\": true, \"top_logprobs\": 21 | top_logprobs",
            "HELLO, \"top_logprobs\": 2 | top_logprobs",
            "HELLO, \"drafter\": \"crystal-ball\" | drafter",
            "HELLO, \"acceptance\": \"any\" | acceptance",
            "HELLO, \"acceptance\": 1 | acceptance",
            "HELLO, \"acceptance\": \"rejection\" | acceptance",
            "HELLO, \"acceptance\": \"rejection\", \"drafter\": \"pld\" | acceptance",
            "HELLO, \"acceptance\": \"rejection\", \"drafter\": \"speculative\", \"response_format\": {\"type\": \"json_object\"} | acceptance",
            "HELLO, \"acceptance\": \"rejection\", \"drafter\": \"speculative\" | drafter",
            "HELLO, \"deadline\": 0 | deadline",
            "HELLO, \"tools\": [{\"type\": \"function\"}] | tools[0].function.name",
            "HELLO, \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"a b\"}}] | tools[0].function.name",
            "HELLO, \"tools\": [{\"type\": \"web_search\"}] | tools[0]",
            "HELLO, \"tool_choice\": \"required\" | tools",
            "HELLO, \"tool_choice\": \"maybe\" | tool_choice",
            "HELLO, TOOL, \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"b\"}} | tool_choice",
            "HELLO, TOOL, \"tool_choice\": \"required\", \"response_format\": {\"type\": \"json_object\"} | response_format",
            "HELLO, \"tools\": [{\"function\": {\"name\": \"a\", \"parameters\": {\"not\": {}}}}], \"tool_choice\": \"required\" | tools",
            "HELLO, \"logit_bias\": {\"5\": 1} | logit_bias",
            "HELLO, \"response_format\": \"json\" | response_format",
            "HELLO, \"response_format\": {\"type\": \"xml\"} | response_format.type",
            "HELLO, \"response_format\": {\"type\": \"json_schema\"} | response_format.json_schema.schema",
            "HELLO, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": {\"not\": {}}}} | response_format",
            "\"messages\": [] | messages",
            "\"messages\": \"Hello\" | messages",
            "\"messages\": [{\"role\": \"clown\", \"content\": \"Hi\"}] | messages[0].role",
            "\"messages\": [{\"role\": \"user\", \"content\": 5}] | messages[0].content",
            "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}] | messages[0].content[0].type",
            "\"messages\": [{\"role\": \"tool\", \"content\": \"noon\", \"tool_call_id\": 5}] | messages[0].tool_call_id",
            "\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": 5, \"function\": {\"name\": \"a\"}}]}] | messages[0].tool_calls[0].id",
            "\"model\": 5, HELLO | model",
    })
    void aWrongFieldIsNamed(String fields, String param) {
        Response response = send("/v1/chat/completions", "{" + fields.replace("HELLO", HELLO).replace("TOOL", TOOL) + "}");
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(400);
        assertThat(response.jsonPath().getString("error.param")).isEqualTo(param);
        assertThat(response.jsonPath().getString("error.type")).isEqualTo("invalid_request_error");
        assertThat(response.jsonPath().getString("error.message")).isNotBlank();
    }

    @Test
    void moreMessagesThanConfiguredAreRefused() {
        String message = "{\"role\": \"user\", \"content\": \"Hi\"}";
        Response response = send("/v1/chat/completions",
                "{\"messages\": [" + message + "," + message + "," + message + "]}");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.jsonPath().getString("error.param")).isEqualTo("messages");
    }

    @Test
    void aPromptThatDoesNotFitIsToldByItsCode() {
        Response response = send("/v1/completions", "{\"prompt\": \"" + "one ".repeat(4000) + "\"}");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.jsonPath().getString("error.code")).isEqualTo("context_length_exceeded");
    }

    @Test
    void aPromptBeyondTheConfiguredLengthIsToldSo() {
        Response response = send("/v1/completions", "{\"prompt\": \"" + "one ".repeat(1100) + "\"}");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.jsonPath().getString("error.code")).isEqualTo("context_length_exceeded");
        assertThat(response.jsonPath().getString("error.message")).contains("at most 1000").contains("max-prompt-tokens");
    }

    @Test
    void aBodyThatIsTooLargeIsNotRead() {
        Response response = send("/v1/completions", "{\"prompt\": \"" + "one ".repeat(6000) + "\"}");
        assertThat(response.statusCode()).isEqualTo(413);
        assertThat(response.jsonPath().getString("error.type")).isEqualTo("invalid_request_error");
    }

    @ParameterizedTest
    @CsvSource({ "''", "[]", "'{\"prompt\": '" })
    void aBodyThatIsNoJsonObjectIsRefused(String body) {
        Response response = send("/v1/completions", body);
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(400);
        assertThat(response.jsonPath().getString("error.message")).startsWith("the body is not");
    }

    @Test
    void anUnknownModelIsNotFound() {
        Response response = send("/v1/completions", "{\"model\": \"nobody\", \"prompt\": \"Hi\"}");
        assertThat(response.statusCode()).isEqualTo(404);
        assertThat(response.jsonPath().getString("error.code")).isEqualTo("model_not_found");
        assertThat(response.jsonPath().getString("error.param")).isEqualTo("model");
    }

    @Test
    void onlyAKeyOfTheServerOpensIt() {
        for (String wrong : new String[] { "Bearer third-key", "Bearer ", "first-key", "Basic first-key" }) {
            Response refused = given().header("Authorization", wrong).get("/v1/models");
            assertThat(refused.statusCode()).as(wrong).isEqualTo(401);
            assertThat(refused.jsonPath().getString("error.code")).isEqualTo("invalid_api_key");
        }
        given().get("/v1/models").then().statusCode(401);
        given().contentType(ContentType.JSON).body("{}").post("/tokenize").then().statusCode(401);
        given().header("Authorization", "Bearer second-key").get("/v1/models").then().statusCode(200);
    }

    @Test
    void anAnswerThatIsNotReadyInTimeIsATimeout() {
        Response response = send("/v1/completions", ENDLESS + "false, \"deadline\": 0.2}");
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(504);
        assertThat(response.jsonPath().getString("error.code")).isEqualTo("deadline_exceeded");
        assertThat(Integer.parseInt(response.header("Retry-After"))).isBetween(1, 60);
    }

    @Test
    void aStreamWhoseDeadlinePassesEndsWithTheErrorAndWithoutTheMark() {
        Response response = send("/v1/completions", ENDLESS + "true, \"deadline\": 2.5}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.asString()).contains("\"deadline_exceeded\"").doesNotContain("[DONE]");
    }

    @Test
    void aClientThatGoesAwayFreesTheSlotAndMeanwhileTheQueueIsLimited() throws IOException {
        List<Socket> clients = new ArrayList<>(List.of(open(ENDLESS + "true}")));
        // One decodes; as soon as another waits, the next is one too many.
        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            clients.add(open(ENDLESS + "false}"));
            Response refused = send("/v1/completions", "{\"prompt\": \"Hi\", \"max_tokens\": 1, \"deadline\": 0.01}");
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.header("Retry-After")).isNotNull();
            assertThat(refused.jsonPath().getString("error.code")).isEqualTo("rate_limit_exceeded");
        });
        for (Socket client : clients) {
            client.close();
        }
        // All have gone; nobody's 1500 tokens hold the slot any more.
        await().atMost(Duration.ofSeconds(8)).until(
                () -> send("/v1/completions", "{\"prompt\": \"Hi\", \"max_tokens\": 1}").statusCode() == 200);
    }

    /** Sends a request and reads the beginning of the answer if it streams. */
    private static Socket open(String body) throws IOException {
        Socket socket = new Socket("localhost", RestAssured.port);
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        socket.getOutputStream()
                .write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer first-key\r\n"
                        + "Content-Type: application/json\r\nContent-Length: " + bytes.length + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().write(bytes);
        if (body.endsWith("true}")) {
            BufferedReader reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String line = reader.readLine();
            assertThat(line).contains("200");
            while (!line.startsWith("data: ")) {
                line = reader.readLine();
            }
        }
        return socket;
    }

    private static Response send(String path, String body) {
        return given().header("Authorization", "Bearer first-key").contentType(ContentType.JSON).body(body).post(path);
    }
}
