package io.quarkiverse.eagle.openai.deployment;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;

/** What comes over HTTP is what the injected model answers. */
class OpenAiAnswersTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "2")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final String CHAT = "\"messages\": [{\"role\": \"user\", \"content\": \"What is the capital of France?\"}]";

    @Inject
    EagleModel model;

    @Test
    void aChatIsAnsweredWithTheModelsOwnText() {
        GenerationResult own = model.generate(GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(24))).await().indefinitely();
        JsonPath answer = chat("{" + CHAT + ", \"temperature\": 0, \"max_tokens\": 24}").jsonPath();
        assertThat(answer.getString("object")).isEqualTo("chat.completion");
        assertThat(answer.getString("model")).isEqualTo("default");
        assertThat(answer.getString("choices[0].message.content")).isEqualTo(own.text());
        assertThat(answer.getString("choices[0].message.role")).isEqualTo("assistant");
        assertThat(answer.getString("choices[0].finish_reason")).isEqualTo(own.finishReason().json());
        assertThat(answer.getInt("usage.prompt_tokens")).isEqualTo(own.promptTokens());
        assertThat(answer.getInt("usage.completion_tokens")).isEqualTo(own.completionTokens());
        assertThat(answer.getInt("usage.total_tokens")).isEqualTo(own.promptTokens() + own.completionTokens());
        assertThat(answer.getString("eagle.drafter")).isEqualTo("eagle2");
        assertThat(answer.getInt("eagle.cycles")).isPositive();
        assertThat(answer.getDouble("eagle.tau")).isGreaterThan(0.9);
    }

    @Test
    void aStreamIsTheSameTextInPiecesWithOneEndAndTheUsageLast() {
        String request = CHAT + ", \"temperature\": 0.8, \"seed\": 7, \"max_tokens\": 24";
        JsonPath whole = chat("{" + request + "}").jsonPath();
        List<JsonPath> chunks = events(chat("{" + request
                + ", \"stream\": true, \"stream_options\": {\"include_usage\": true}}"));
        JsonPath last = chunks.remove(chunks.size() - 1);
        StringBuilder text = new StringBuilder();
        List<String> ends = new ArrayList<>();
        for (JsonPath chunk : chunks) {
            assertThat(chunk.getString("object")).isEqualTo("chat.completion.chunk");
            assertThat(chunk.getString("usage")).isNull();
            String piece = chunk.getString("choices[0].delta.content");
            text.append(piece == null ? "" : piece);
            if (chunk.getString("choices[0].finish_reason") != null) {
                ends.add(chunk.getString("choices[0].finish_reason"));
            }
        }
        assertThat(text).hasToString(whole.getString("choices[0].message.content"));
        assertThat(chunks.get(0).getString("choices[0].delta.role")).isEqualTo("assistant");
        assertThat(ends).containsExactly(whole.getString("choices[0].finish_reason"));
        assertThat(last.getList("choices")).isEmpty();
        assertThat(last.getMap("usage")).isEqualTo(whole.getMap("usage"));
    }

    @Test
    void everyDrafterGivesTheSameSampledText() {
        String request = "{\"prompt\": \"Once upon a time\", \"temperature\": 0.9, \"seed\": 11, \"max_tokens\": 32";
        String plain = completion(request + ", \"drafter\": \"none\"}").jsonPath().getString("choices[0].text");
        assertThat(plain).isNotBlank();
        assertThat(completion(request + "}").jsonPath().getString("choices[0].text")).isEqualTo(plain);
        assertThat(completion(request + ", \"drafter\": \"pld\"}").jsonPath().getString("choices[0].text")).isEqualTo(plain);
    }

    @Test
    void severalChoicesAreDecodedWithSeedsThatFollowEachOther() {
        String request = "{\"prompt\": \"Once upon a time\", \"temperature\": 0.9, \"max_tokens\": 16, ";
        JsonPath both = completion(request + "\"seed\": 3, \"n\": 2}").jsonPath();
        JsonPath second = completion(request + "\"seed\": 4}").jsonPath();
        assertThat(both.getList("choices.index")).isEqualTo(List.of(0, 1));
        assertThat(both.getString("choices[1].text")).isEqualTo(second.getString("choices[0].text"))
                .isNotEqualTo(both.getString("choices[0].text"));
        Map<Integer, StringBuilder> streamed = Map.of(0, new StringBuilder(), 1, new StringBuilder());
        events(completion(request + "\"seed\": 3, \"n\": 2, \"stream\": true}"))
                .forEach(chunk -> streamed.get(chunk.getInt("choices[0].index")).append(chunk.getString("choices[0].text")));
        assertThat(streamed.get(0)).hasToString(both.getString("choices[0].text"));
        assertThat(streamed.get(1)).hasToString(both.getString("choices[1].text"));
    }

    @Test
    void aStopStringEndsTheAnswerBeforeIt() {
        JsonPath answer = completion("{\"prompt\": \"one, two, three, four,\", \"temperature\": 0, \"max_tokens\": 40,"
                + " \"stop\": [\"seven\", \"zzz\"]}").jsonPath();
        assertThat(answer.getString("choices[0].text")).contains("six").doesNotContain("seven");
        assertThat(answer.getString("choices[0].finish_reason")).isEqualTo("stop");
    }

    @Test
    void logProbabilitiesOfAChatComeWithTheirAlternatives() {
        JsonPath answer = chat("{" + CHAT + ", \"temperature\": 0, \"max_tokens\": 5, \"logprobs\": true, \"top_logprobs\": 3}")
                .jsonPath();
        assertThat(answer.getList("choices[0].logprobs.content")).hasSize(5);
        assertThat(answer.getList("choices[0].logprobs.content[0].top_logprobs")).hasSize(3);
        assertThat(answer.getString("choices[0].logprobs.content[0].top_logprobs[0].token"))
                .isEqualTo(answer.getString("choices[0].logprobs.content[0].token"));
        assertThat(answer.getDouble("choices[0].logprobs.content[0].top_logprobs[0].logprob"))
                .isCloseTo(answer.getDouble("choices[0].logprobs.content[0].logprob"), within(1e-6)).isLessThanOrEqualTo(0);
        assertThat(String.join("", answer.getList("choices[0].logprobs.content.token")))
                .isEqualTo(answer.getString("choices[0].message.content"));
    }

    @Test
    void logProbabilitiesOfATextComeAsLists() {
        JsonPath answer = completion("{\"prompt\": \"one, two,\", \"temperature\": 0, \"max_tokens\": 4, \"logprobs\": 0}")
                .jsonPath();
        assertThat(answer.getList("choices[0].logprobs.tokens")).hasSize(4);
        assertThat(answer.getList("choices[0].logprobs.token_logprobs")).hasSize(4);
        assertThat(answer.getMap("choices[0].logprobs.top_logprobs[0]")).isEmpty();
        assertThat(answer.getList("choices[0].logprobs.text_offset", Integer.class)).startsWith(0).isSorted();
    }

    @Test
    void messagesMayComeInPartsAndUnknownFieldsDoNotMatter() {
        String plain = "{" + CHAT + ", \"temperature\": 0, \"max_tokens\": 8}";
        String parts = "{\"messages\": [{\"role\": \"user\", \"name\": \"me\", \"content\": [{\"type\": \"text\", \"text\":"
                + " \"What is the \"}, {\"type\": \"text\", \"text\": \"capital of France?\"}]}], \"temperature\": 0,"
                + " \"max_completion_tokens\": 8, \"user\": \"u\", \"favourite_colour\": \"green\", \"tools\": [],"
                + " \"response_format\": {\"type\": \"text\"}, \"seed\": null}";
        assertThat(chat(parts).jsonPath().getString("choices[0].message.content"))
                .isEqualTo(chat(plain).jsonPath().getString("choices[0].message.content"));
    }

    @Test
    void tokenizingAndContinuingTheTokensIsTheSameAsTheText() {
        JsonPath tokens = post("/tokenize", "{\"prompt\": \"one, two, three,\"}").jsonPath();
        assertThat(tokens.getList("tokens")).hasSize(tokens.getInt("count")).isNotEmpty();
        String options = ", \"temperature\": 0, \"max_tokens\": 6}";
        assertThat(completion("{\"prompt\": " + tokens.getList("tokens") + options).jsonPath().getString("choices[0].text"))
                .isEqualTo(completion("{\"prompt\": \"one, two, three,\"" + options).jsonPath().getString("choices[0].text"));
        assertThat(post("/tokenize", "{" + CHAT + "}").jsonPath().getInt("count")).isGreaterThan(7);
    }

    @Test
    void theModelIsListedAndFoundByItsBundlesNameToo() {
        assertThat(given().get("/v1/models").jsonPath().getList("data.id")).isEqualTo(List.of("default"));
        assertThat(given().get("/v1/models/default").jsonPath().getString("object")).isEqualTo("model");
        String name = model.name();
        assertThat(completion("{\"model\": \"" + name + "\", \"prompt\": \"one,\", \"max_tokens\": 2}").jsonPath()
                .getString("model")).isEqualTo(name);
        given().get("/v1/models/nobody").then().statusCode(404);
    }

    private static Response chat(String body) {
        return post("/v1/chat/completions", body);
    }

    private static Response completion(String body) {
        return post("/v1/completions", body);
    }

    private static Response post(String path, String body) {
        Response response = given().contentType(ContentType.JSON).body(body).post(path);
        assertThat(response.statusCode()).as(response.body().asString()).isEqualTo(200);
        return response;
    }

    /** The JSON of each event but the last, which has to be the mark of the end. */
    private static List<JsonPath> events(Response response) {
        assertThat(response.contentType()).startsWith("text/event-stream");
        List<String> events = new ArrayList<>(List.of(response.body().asString().split("\n\n")));
        assertThat(events).allMatch(event -> event.startsWith("data: "));
        assertThat(events.remove(events.size() - 1)).isEqualTo("data: [DONE]");
        return new ArrayList<>(events.stream().map(event -> JsonPath.from(event.substring("data: ".length()))).toList());
    }
}
