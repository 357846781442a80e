package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

class EagleReloadTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "2")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final Duration LONG = Duration.ofSeconds(120);
    private static final Path NO_BUNDLE = Path.of("/nothing/lies/here");
    private static final String DEFAULT = "<default>";

    @Inject
    EagleModel model;

    @Inject
    OpenModels models;

    @Inject
    MeterRegistry registry;

    private GenerationResult answer() {
        return model.generate(GenerationRequest.chat("Say hello.").with(GenerationOptions.defaults().withMaxTokens(8)))
                .await().atMost(LONG);
    }

    @Test
    void aModelIsReloadedUnderItsRequests() {
        GenerationResult before = answer();
        SpeculativeModel old = models.get(DEFAULT).model();
        AssertSubscriber<GeneratedToken> running = model
                .stream(GenerationRequest.raw("one, two, three, four, five, six, seven, eight,")
                        .with(GenerationOptions.defaults().withMaxTokens(40)))
                .subscribe().withSubscriber(AssertSubscriber.create(5));
        running.awaitItems(5, LONG);
        models.reload(DEFAULT).await().atMost(LONG);
        assertThat(models.get(DEFAULT).model()).isNotSameAs(old);
        assertThat(registry.find("eagle.replaced.requests").tag("model", DEFAULT).gauge().value()).isEqualTo(1);
        GenerationResult after = answer();
        assertThat(after.tokenIds()).isEqualTo(before.tokenIds());
        assertThat(after.cachedTokens()).isZero();
        running.request(Long.MAX_VALUE);
        running.awaitCompletion(LONG);
        assertThat(running.getLastItem().result().finishReason()).isNotEqualTo(FinishReason.SHUTDOWN);
        await().atMost(LONG).until(() -> models.get(DEFAULT).replacedRequests() == 0 && old.isClosing());

        SpeculativeModel renewed = models.get(DEFAULT).model();
        assertThatThrownBy(() -> await().atMost(LONG).ignoreExceptionsMatching(IllegalStateException.class::isInstance)
                .until(() -> models.reload(DEFAULT, NO_BUNDLE).await().atMost(LONG) == null))
                .isInstanceOf(EngineException.class).hasMessageContaining("serves on as it is")
                .hasMessageContaining(NO_BUNDLE.toString());
        assertThat(models.get(DEFAULT).model()).isSameAs(renewed);
        assertThat(answer().tokenIds()).isEqualTo(before.tokenIds());
        RestAssured.get("/q/health/ready").then().statusCode(200);
    }
}
