package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasEntry;

import java.time.Duration;
import java.util.List;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.triton.local.ServerInstallation;
import io.quarkiverse.eagle.triton.local.ServerUnavailableException;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;

/** A model whose engines are in a real Triton server that dev services start, beside one whose engines are in the process. */
@Timeout(300)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class EagleTritonDevServicesTest {

    private static final Duration LONG = Duration.ofSeconds(60);
    private static final String STUB = "triton_python_backend_stub";

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .setBeforeAllCustomizer(EagleTritonDevServicesTest::skipWithoutServer)
            .overrideConfigKey("quarkus.eagle.engine", "triton")
            .overrideConfigKey("quarkus.eagle.slots", "2")
            .overrideConfigKey("quarkus.eagle.devservices.triton.server", "local")
            .overrideConfigKey("quarkus.eagle.\"here\".slots", "1")
            .overrideConfigKey("quarkus.eagle.\"beside\".engine", "triton")
            .overrideConfigKey("quarkus.eagle.\"beside\".slots", "4")
            .overrideConfigKey("quarkus.eagle.health.timeout", "2s")
            .overrideConfigKey("quarkus.eagle.health.valid-for", "100ms");

    @Inject
    EagleModel remote;

    @Inject
    @Eagle("here")
    EagleModel local;

    /** Both want more slots than the bundle has of its own. */
    @Inject
    @Eagle("beside")
    EagleModel besideRemote;

    private static void skipWithoutServer() {
        try {
            ServerInstallation.ensure(DefaultBundle.cacheFolder());
        } catch (ServerUnavailableException e) {
            System.err.println("NO TRITON SERVER, its tests are skipped: " + e.getMessage());
            Assumptions.abort(e.getMessage());
        }
    }

    private static GenerationRequest question(GenerationOptions options) {
        return GenerationRequest.chat("What makes leaves green?").with(options.withMaxTokens(40));
    }

    @Test
    @Order(1)
    void theTextIsThatOfEnginesInTheProcess() {
        for (GenerationOptions options : List.of(GenerationOptions.defaults(),
                GenerationOptions.defaults().withTemperature(0.8).withSeed(5L))) {
            int[] here = local.generate(question(options)).await().atMost(LONG).tokenIds();
            List<GeneratedToken> streamed = remote.stream(question(options)).collect().asList().await().atMost(LONG);
            assertThat(streamed.stream().mapToInt(GeneratedToken::id).toArray()).isEqualTo(here);
            assertThat(besideRemote.generate(question(options)).await().atMost(LONG).tokenIds()).isEqualTo(here);
        }
    }

    @Test
    @Order(2)
    void theApplicationIsReadyWhileTheServerAnswers() {
        RestAssured.get("/q/health/ready").then().statusCode(200).body("status", equalTo("UP"));
    }

    /** Triton itself calls a model ready whose process is dead. */
    @Test
    @Order(3)
    void theApplicationIsNotReadyWhenTheModelsProcessIsDead() {
        List<ProcessHandle> stubs = ProcessHandle.current().descendants()
                .filter(process -> process.info().command().orElse("").endsWith(STUB)).toList();
        assertThat(stubs).hasSize(2);
        stubs.forEach(ProcessHandle::destroyForcibly);
        Awaitility.await().atMost(LONG).untilAsserted(() -> RestAssured.get("/q/health/ready").then().statusCode(503)
                .body("checks.find { it.name == 'EAGLE models' }.data", hasEntry("here", "a step works")));
    }
}
