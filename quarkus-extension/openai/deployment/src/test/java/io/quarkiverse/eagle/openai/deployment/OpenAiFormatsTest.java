package io.quarkiverse.eagle.openai.deployment;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;

/** Answers in a form, from the default model. */
class OpenAiFormatsTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "2")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final String SCHEMA = """
            {"type": "object", "additionalProperties": false, "required": ["name", "age", "score", "tags", "home"],
             "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
               "score": {"type": "number", "minimum": 0, "maximum": 1},
               "tags": {"type": "array", "maxItems": 2, "items": {"enum": ["tall", "kind", "swift"]}},
               "home": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/place"}]}},
             "$defs": {"place": {"type": "object", "additionalProperties": false, "required": ["city"],
               "properties": {"city": {"type": "string", "minLength": 1, "maxLength": 10}, "rainy": {"type": "boolean"}}}}}
            """;
    private static final JsonSchema VALIDATOR = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(SCHEMA);
    private static final ObjectMapper STRICT = JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final String MESSAGES = "\"messages\": [{\"role\": \"user\", \"content\": \"Invent a person.\"}]";
    private static final String FORMAT = "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"person\","
            + " \"strict\": true, \"schema\": " + SCHEMA + "}}";

    @Inject
    EagleModel model;

    @Test
    void anySeedWritesADocumentOfTheSchema() throws JsonProcessingException {
        for (long seed = 0; seed < 5; seed++) {
            GenerationResult result = generate(
                    GenerationOptions.defaults().withTemperature(1).withSeed(seed).withMaxTokens(150));
            assertThat(result.finishReason().json()).as(result.text()).isEqualTo("stop");
            assertValid(result.text());
        }
    }

    @Test
    void everyDrafterOfTheModelWritesThePlainDocument() {
        GenerationOptions greedy = GenerationOptions.defaults().withMaxTokens(24);
        for (GenerationOptions options : List.of(greedy, greedy.withTemperature(0.9).withSeed(3L))) {
            GenerationResult plain = generate(options.withDrafter("none"));
            for (String drafter : List.of("eagle2", "eagle", "pld", "lookahead", "mixed")) {
                assertThat(generate(options.withDrafter(drafter)).tokenIds()).as(drafter).isEqualTo(plain.tokenIds());
            }
        }
    }

    @Test
    void theApiAnswersInTheFormWholeAndStreamed() throws JsonProcessingException {
        String request = MESSAGES + ", \"seed\": 5, \"n\": 2, " + FORMAT;
        JsonPath whole = post("{" + request + "}").jsonPath();
        for (String text : whole.getList("choices.message.content", String.class)) {
            assertValid(text);
        }
        StringBuilder[] streamed = { new StringBuilder(), new StringBuilder() };
        for (String event : post("{" + request + ", \"stream\": true}").asString().split("\n\n")) {
            if (!event.equals("data: [DONE]")) {
                JsonPath chunk = JsonPath.from(event.substring("data: ".length()));
                String piece = chunk.getString("choices[0].delta.content");
                streamed[chunk.getInt("choices[0].index")].append(piece == null ? "" : piece);
            }
        }
        assertThat(whole.getList("choices.message.content", String.class)).containsExactly(streamed[0].toString(),
                streamed[1].toString());
    }

    @Test
    void aJsonObjectIsAnObjectOfAnyKind() throws JsonProcessingException {
        String text = post("{" + MESSAGES + ", \"temperature\": 0, \"max_tokens\": 200, \"response_format\": {\"type\":"
                + " \"json_object\"}, \"logprobs\": true}").jsonPath().getString("choices[0].message.content");
        assertThat(text).startsWith("{");
        JsonPath cut = post("{" + MESSAGES + ", \"max_tokens\": 3, \"seed\": 1, \"response_format\": {\"type\":"
                + " \"json_object\"}}").jsonPath();
        assertThat(cut.getString("choices[0].finish_reason")).isEqualTo("length");
    }

    /** A schema whose only document is fixed: no choice is left, whatever the prompt says. */
    @Test
    void aConstantIsWrittenOut() throws JsonProcessingException {
        String format = "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": {\"const\":"
                + " {\"colour\": \"grün\", \"n\": [1, 2.50]}}}}";
        JsonPath answer = post("{" + MESSAGES + ", " + format + "}").jsonPath();
        assertThat(STRICT.readValue(answer.getString("choices[0].message.content"), Map.class))
                .isEqualTo(Map.of("colour", "grün", "n", List.of(1, 2.5)));
    }

    @Test
    void aRequiredToolIsCalledWithArgumentsOfItsSchema() throws JsonProcessingException {
        String tools = "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"clock\", \"description\": \"The time\"}},"
                + " {\"type\": \"function\", \"function\": {\"name\": \"person\", \"parameters\": " + SCHEMA + "}}]";
        for (int seed = 0; seed < 1; seed++) {
            String request = MESSAGES + ", \"seed\": " + seed + ", " + tools + ", \"tool_choice\": {\"type\": \"function\","
                    + " \"function\": {\"name\": \"person\"}}";
            JsonPath whole = post("{" + request + "}").jsonPath();
            assertThat(whole.getString("choices[0].finish_reason")).isEqualTo("tool_calls");
            assertThat(whole.getString("choices[0].message.content")).isNull();
            assertThat(whole.getList("choices[0].message.tool_calls")).hasSize(1);
            assertThat(whole.getString("choices[0].message.tool_calls[0].function.name")).isEqualTo("person");
            assertThat(whole.getString("choices[0].message.tool_calls[0].id")).startsWith("call_");
            String arguments = whole.getString("choices[0].message.tool_calls[0].function.arguments");
            assertValid(arguments);

            List<JsonPath> chunks = new ArrayList<>();
            for (String event : post("{" + request + ", \"stream\": true}").asString().split("\n\n")) {
                if (!event.equals("data: [DONE]")) {
                    chunks.add(JsonPath.from(event.substring("data: ".length())));
                }
            }
            assertThat(chunks).hasSize(2);
            assertThat(chunks.get(0).getString("choices[0].delta.role")).isEqualTo("assistant");
            assertThat(chunks.get(0).getString("choices[0].delta.content")).isNull();
            assertThat(chunks.get(0).getInt("choices[0].delta.tool_calls[0].index")).isZero();
            assertThat(chunks.get(0).getString("choices[0].delta.tool_calls[0].function.arguments")).isEqualTo(arguments);
            assertThat(chunks.get(1).getString("choices[0].finish_reason")).isEqualTo("tool_calls");
        }
        JsonPath any = post("{" + MESSAGES + ", \"temperature\": 0, " + tools + ", \"tool_choice\": \"required\"}").jsonPath();
        assertThat(any.getString("choices[0].message.tool_calls[0].function.name")).isIn("clock", "person");
    }

    /** What the model was told, and the conversation that follows a call, are one prompt. */
    @Test
    void toolsAndTheirResultsArePartOfThePrompt() {
        String tool = ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"clock\"}}]";
        int plain = post("{" + MESSAGES + ", \"max_tokens\": 1}").jsonPath().getInt("usage.prompt_tokens");
        int offered = post("{" + MESSAGES + ", \"max_tokens\": 1" + tool + "}").jsonPath().getInt("usage.prompt_tokens");
        int notToCall = post("{" + MESSAGES + ", \"max_tokens\": 1, \"tool_choice\": \"none\"" + tool + "}").jsonPath()
                .getInt("usage.prompt_tokens");
        assertThat(offered).isGreaterThan(plain + 30);
        assertThat(notToCall).isEqualTo(plain);
        String chat = "\"messages\": [{\"role\": \"user\", \"content\": \"Time?\"}, {\"role\": \"assistant\", \"content\": null,"
                + " \"tool_calls\": [{\"id\": \"call_1\", \"type\": \"function\", \"function\": {\"name\": \"clock\","
                + " \"arguments\": \"{}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"call_1\", \"content\": \"It is noon.\"}]";
        JsonPath answer = post("{" + chat + tool + ", \"temperature\": 0, \"max_tokens\": 20}").jsonPath();
        assertThat(answer.getString("choices[0].message.content")).isNotBlank();
    }

    private GenerationResult generate(GenerationOptions options) {
        return model.generate(GenerationRequest.chat("Invent a person.")
                .with(options.withFormat(ResponseFormat.jsonSchema(SCHEMA)))).await().indefinitely();
    }

    private static void assertValid(String text) throws JsonProcessingException {
        JsonNode document = STRICT.readTree(text);
        assertThat(VALIDATOR.validate(document)).as(text).isEmpty();
    }

    private static Response post(String body) {
        Response response = given().contentType(ContentType.JSON).body(body).post("/v1/chat/completions");
        assertThat(response.statusCode()).as(response.body().asString()).isEqualTo(200);
        return response;
    }
}
