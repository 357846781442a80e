package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.triton.TritonListener;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkiverse.eagle.triton.client.TritonEndpoint;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** A real server behind a network that is slow, stands still or breaks: the text stays the same, and nothing hangs. */
@Timeout(300)
class BadNetworkAtTritonTest {

    private static final String QUESTION = "Why is snow white?";
    private static final GenerationOptions GREEDY = GenerationOptions.defaults().withMaxTokens(40);
    private static final GenerationOptions SAMPLED = GREEDY.withTemperature(0.9).withSeed(3L);

    @TempDir
    private static Path folder;
    private static RealServer server;
    private static int[] greedy;
    private static int[] sampled;

    @BeforeAll
    static void startServer() {
        server = TritonServer.start(ServedBundle.repository(folder));
        try (SpeculativeModel local = ServedBundle.reference(server)) {
            greedy = ServedBundle.answer(local, QUESTION, GREEDY.withDrafter("none"));
            sampled = ServedBundle.answer(local, QUESTION, SAMPLED.withDrafter("none"));
        }
    }

    @AfterAll
    static void stopServer() {
        if (server != null) {
            server.close();
        }
    }

    /** Counts the times that an engine was lost. */
    private static final class Losses implements TritonListener {
        private final AtomicInteger count = new AtomicInteger();

        @Override
        public void lost(String model, TritonEndpoint endpoint, PoolLostException reason) {
            count.incrementAndGet();
        }
    }

    private static AssertSubscriber<GeneratedToken> stream(SpeculativeModel model, GenerationOptions options) {
        return model.stream(GenerationRequest.chat(QUESTION).with(options)).subscribe()
                .withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
    }

    private static int[] ids(AssertSubscriber<GeneratedToken> answer) {
        List<GeneratedToken> tokens = answer.awaitCompletion(ServedBundle.PATIENCE).getItems();
        return tokens.stream().mapToInt(GeneratedToken::id).toArray();
    }

    @Test
    void aSlowServerOnlyTakesLonger() {
        try (BadNetwork network = new BadNetwork(server.endpoint());
                SpeculativeModel model = ServedBundle.over(ServedBundle.at(network.endpoint()))) {
            network.delay(Duration.ofMillis(15));
            assertThat(ServedBundle.answer(model, QUESTION, GREEDY)).isEqualTo(greedy);
            assertThat(ServedBundle.answer(model, QUESTION, SAMPLED)).isEqualTo(sampled);
        }
    }

    @Test
    void aConnectionThatStandsStillForAWhileIsWaitedFor() {
        Losses losses = new Losses();
        try (BadNetwork network = new BadNetwork(server.endpoint());
                SpeculativeModel model = ServedBundle.over(ServedBundle.at(network.endpoint()).withListener(losses))) {
            AssertSubscriber<GeneratedToken> answer = stream(model, GREEDY);
            answer.awaitItems(5, ServedBundle.PATIENCE);
            network.stall();
            AtomicInteger seen = new AtomicInteger();
            Awaitility.await().during(Duration.ofMillis(500))
                    .until(() -> seen.getAndSet(answer.getItems().size()) == seen.get());
            network.resume();
            assertThat(ids(answer)).isEqualTo(greedy);
            assertThat(losses.count).hasValue(0);
        }
    }

    @Test
    void aConnectionThatStandsStillTooLongIsGivenUpAndTheAnswerGoesOn() {
        Losses losses = new Losses();
        try (BadNetwork network = new BadNetwork(server.endpoint());
                SpeculativeModel model = ServedBundle.over(quick(network).withListener(losses))) {
            AssertSubscriber<GeneratedToken> answer = stream(model, SAMPLED);
            answer.awaitItems(5, ServedBundle.PATIENCE);
            network.stall();
            Awaitility.await().atMost(ServedBundle.PATIENCE).until(() -> losses.count.get() > 0);
            network.resume();
            assertThat(ids(answer)).isEqualTo(sampled);
        }
    }

    /** Steps of the shipped model take a few milliseconds; one that takes seconds is lost. */
    private static TritonOptions quick(BadNetwork network) {
        return ServedBundle.at(network.endpoint()).withStepTimeout(Duration.ofSeconds(2));
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 700, 9_000 })
    void aConnectionThatBreaksInTheMiddleOfAMessageLosesNothing(long bytes) {
        try (BadNetwork network = new BadNetwork(server.endpoint());
                SpeculativeModel model = ServedBundle.over(ServedBundle.at(network.endpoint()))) {
            AssertSubscriber<GeneratedToken> one = stream(model, GREEDY);
            AssertSubscriber<GeneratedToken> other = stream(model, SAMPLED);
            one.awaitItems(3, ServedBundle.PATIENCE);
            network.cutAfter(bytes);
            assertThat(ids(one)).isEqualTo(greedy);
            assertThat(ids(other)).isEqualTo(sampled);
            assertThat(network.cuts()).isEqualTo(1);
        }
    }
}
