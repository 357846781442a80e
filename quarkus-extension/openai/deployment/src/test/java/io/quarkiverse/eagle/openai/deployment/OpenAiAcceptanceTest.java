package io.quarkiverse.eagle.openai.deployment;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.http.ContentType;

/** The model drafts for itself, so that both rules have something to accept. */
class OpenAiAcceptanceTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.draft-bundle",
                    DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE).toString());

    private static final String PROMPT = "Once upon a time";
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withTemperature(0.9).withSeed(11L)
            .withMaxTokens(24).withDrafter("speculative");

    @Inject
    EagleModel model;

    @Test
    void aRequestChoosesItsRule() {
        String plain = text(OPTIONS.withDrafter("none"));
        String ruled = text(OPTIONS.withAcceptance(Acceptance.REJECTION));
        assertThat(ruled).isNotEqualTo(plain);
        assertThat(answer("\"rejection\"")).isEqualTo(ruled);
        assertThat(answer("\"coupled\"")).isEqualTo(plain);
        assertThat(answer("null")).as("the model's default").isEqualTo(plain);
    }

    private String text(GenerationOptions options) {
        return model.generate(GenerationRequest.raw(PROMPT).with(options)).await().indefinitely().text();
    }

    private static String answer(String acceptance) {
        return given().contentType(ContentType.JSON)
                .body("{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0.9, \"seed\": 11, \"max_tokens\": 24,"
                        + " \"drafter\": \"speculative\", \"acceptance\": " + acceptance + "}")
                .post("/v1/completions").then().statusCode(200).extract().jsonPath().getString("choices[0].text");
    }
}
