package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import jakarta.inject.Inject;

import org.assertj.core.groups.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.ReplicaStatus;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.quarkiverse.eagle.triton.local.LocalTritonServer;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;

/** A model over two servers of which one is not there at the start; they come and go, and the bundle is reloaded meanwhile. */
class EagleSpreadTest {

    private static final String FIRST = "eagle.test.first";
    private static final String NOBODY = "eagle.test.nobody";
    private static final String REPOSITORY = "eagle.test.repository";
    private static final String DEFAULT = "<default>";
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static LocalTritonServer first;

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withApplicationRoot(jar -> jar.addClass(TritonServers.class))
            .setBeforeAllCustomizer(EagleSpreadTest::startServer)
            .setAfterAllCustomizer(EagleSpreadTest::stopServer)
            .overrideConfigKey("quarkus.eagle.engine", "triton")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.triton.spread", "true")
            .overrideConfigKey("quarkus.eagle.triton.endpoints", "${" + NOBODY + "},${" + FIRST + "}");

    @Inject
    EagleModel model;

    @Inject
    OpenModels models;

    private static void startServer() {
        TritonServers.prepareOrSkip("spread", 2, repository -> {
            first = TritonServers.of(repository);
            first.start();
            System.setProperty(FIRST, first.endpoint());
            System.setProperty(NOBODY, TritonServers.of(repository).endpoint());
            System.setProperty(REPOSITORY, repository.toString());
        });
    }

    private static void stopServer() {
        if (first != null) {
            first.kill(); // who ends in peace waits for its clients first
            first.close();
        }
        List.of(FIRST, NOBODY, REPOSITORY).forEach(System::clearProperty);
    }

    private int[] answer() {
        return model.generate(GenerationRequest.chat("Say hello.").with(GenerationOptions.defaults().withMaxTokens(8))).await()
                .atMost(PATIENCE).tokenIds();
    }

    private static Tuple serving(String endpoint) {
        return tuple(endpoint, ReplicaStatus.State.SERVING);
    }

    private void assertReplicas(Tuple... expected) {
        assertThat(models.get(DEFAULT).model().replicas()).extracting(ReplicaStatus::name, ReplicaStatus::state)
                .containsExactly(expected);
    }

    @Test
    void serversComeAndGoAndAReloadOpensWhereTheyAre() {
        String running = System.getProperty(FIRST);
        String absent = System.getProperty(NOBODY);
        ServedModel served = models.get(DEFAULT);
        SpeculativeModel old = served.model();
        assertReplicas(serving(running), tuple(absent, ReplicaStatus.State.ABSENT));
        RestAssured.get("/q/health/ready").then().statusCode(200);
        int[] expected = answer();

        models.reload(DEFAULT).await().atMost(PATIENCE);
        SpeculativeModel renewed = served.model();
        assertThat(renewed).isNotSameAs(old);
        assertReplicas(serving(running), tuple(absent, ReplicaStatus.State.ABSENT));
        await().atMost(PATIENCE).until(() -> served.replacedRequests() == 0 && old.isClosing());

        renewed.drainReplica(absent, Duration.ZERO).toCompletableFuture().join();
        assertReplicas(serving(running));
        assertThatThrownBy(() -> served.addEndpoint(absent)).isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("quarkus.eagle.triton cannot be used: ").hasMessageContaining(absent);
        assertThatThrownBy(() -> served.addEndpoint(running)).isInstanceOf(IllegalArgumentException.class);

        try (LocalTritonServer second = TritonServers.of(Path.of(System.getProperty(REPOSITORY)))) {
            second.start();
            served.addEndpoint(second.endpoint());
            assertThat(served.model()).isSameAs(renewed);
            assertReplicas(serving(running), serving(second.endpoint()));
            renewed.drainReplica(running, PATIENCE).toCompletableFuture().join();
            assertReplicas(serving(second.endpoint()));
            assertThat(answer()).isEqualTo(expected);

            await().atMost(PATIENCE).ignoreExceptionsMatching(IllegalStateException.class::isInstance)
                    .until(() -> models.reload(DEFAULT).await().atMost(PATIENCE) == null);
            assertThat(served.model()).isNotSameAs(renewed);
            assertReplicas(serving(second.endpoint()));
            assertThat(answer()).isEqualTo(expected);
            second.kill();
        }
    }
}
