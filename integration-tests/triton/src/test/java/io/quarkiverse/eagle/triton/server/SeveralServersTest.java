package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.ReplicaStatus;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.triton.TritonEngines;
import io.quarkiverse.eagle.triton.TritonListener;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** A model over two real servers, which come, go and die while it serves. */
@Timeout(300)
class SeveralServersTest {

    private static final String QUESTION = "Why is the sky blue?";
    private static final GenerationOptions GREEDY = GenerationOptions.defaults().withMaxTokens(30);
    private static final GenerationOptions LONG = GREEDY.withMaxTokens(100);

    @TempDir
    private static Path folder;
    private static RealServer first;
    private static RealServer second;
    private static SpeculativeModel local;

    /** Steps that a server ran for the model. */
    private static final class Steps implements TritonListener {
        private final AtomicInteger count = new AtomicInteger();

        @Override
        public void stepped(String model, int rows, long nanoseconds) {
            count.incrementAndGet();
        }
    }

    @BeforeAll
    static void startServers() {
        Path repository = ServedBundle.repository(folder);
        first = TritonServer.start(repository);
        second = TritonServer.start(repository);
        local = ServedBundle.reference(first);
    }

    @AfterAll
    static void stopServers() {
        if (local != null) {
            local.close();
        }
        for (RealServer server : new RealServer[] { first, second }) {
            if (server != null) {
                server.close();
            }
        }
    }

    private static void add(SpeculativeModel model, RealServer server, TritonListener steps) {
        model.addReplica(server.endpoint(), () -> TritonEngines.open(ServedBundle.bundle(),
                ServedBundle.at(server.endpoint()).withListener(steps)));
    }

    private static void assertAnswer(SpeculativeModel model, String question) {
        assertThat(ServedBundle.answer(model, question, GREEDY)).isEqualTo(ServedBundle.answer(local, question, GREEDY));
    }

    private static List<AssertSubscriber<GeneratedToken>> ask(SpeculativeModel model, int times,
            GenerationOptions options) {
        return IntStream.range(0, times).mapToObj(i -> model.stream(GenerationRequest.chat(QUESTION).with(options)).subscribe()
                .withSubscriber(AssertSubscriber.<GeneratedToken> create(Long.MAX_VALUE))).toList();
    }

    private static void assertAnswers(List<AssertSubscriber<GeneratedToken>> streams, GenerationOptions options) {
        int[] expected = ServedBundle.answer(local, QUESTION, options);
        for (AssertSubscriber<GeneratedToken> stream : streams) {
            assertThat(stream.awaitCompletion(ServedBundle.PATIENCE).getItems().stream().mapToInt(GeneratedToken::id)
                    .toArray()).isEqualTo(expected);
        }
    }

    private static ConditionFactory patiently() {
        return await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(5)).atMost(ServedBundle.PATIENCE);
    }

    private static ReplicaStatus.State state(SpeculativeModel model, RealServer server) {
        return model.replicas().stream().filter(replica -> replica.name().equals(server.endpoint())).findFirst().orElseThrow()
                .state();
    }

    @Test
    void anAddedServerServesAndADrainedOneGetsNothingNew() {
        Steps old = new Steps();
        Steps added = new Steps();
        try (SpeculativeModel model = ServedBundle.over(ServedBundle.at(first.endpoint()).withListener(old))) {
            assertAnswer(model, QUESTION);
            add(model, second, added);
            int measured = added.count.get();
            assertAnswers(ask(model, 6, GREEDY), GREEDY);
            assertThat(added.count.get()).isGreaterThan(measured);
            model.drainReplica(SpeculativeModel.FIRST_REPLICA, Duration.ofSeconds(60)).toCompletableFuture().join();
            int atTheEnd = old.count.get();
            assertAnswer(model, QUESTION);
            assertAnswer(model, "Name three rivers.");
            assertThat(old.count.get()).isEqualTo(atTheEnd);
            assertThat(model.replicas()).extracting(ReplicaStatus::name).containsExactly(second.endpoint());
        }
    }

    @Test
    void whatRanOnAKilledServerGoesOnAtTheOtherAndTheKilledOneServesAgainWhenItIsBack() {
        try (SpeculativeModel model = ServedBundle.over(ServedBundle.at(first.endpoint()))) {
            add(model, second, TritonListener.NONE);
            List<AssertSubscriber<GeneratedToken>> streams = ask(model, 4, LONG);
            patiently().until(() -> model.replicas().stream().allMatch(replica -> replica.slotsInUse() > 0));
            second.kill();
            assertAnswers(streams, LONG);
            assertThat(state(model, second)).isEqualTo(ReplicaStatus.State.LOST);
            assertAnswer(model, "Name three rivers.");
            second.start();
            patiently().until(() -> {
                assertAnswer(model, QUESTION);
                return state(model, second) == ReplicaStatus.State.SERVING;
            });
        }
    }

    @Test
    void aServerThatIsNotThereWhenTheModelOpensIsAddedWhenItAnswers() {
        second.kill();
        Map<String, Supplier<EnginePair>> openers = new LinkedHashMap<>();
        for (RealServer server : List.of(second, first)) {
            openers.put(server.endpoint(),
                    () -> TritonEngines.open(ServedBundle.bundle(), ServedBundle.at(server.endpoint())));
        }
        try (SpeculativeModel model = SpeculativeModel.open(ServedBundle.bundle(), openers, ServedBundle.options(null))) {
            assertThat(state(model, second)).isEqualTo(ReplicaStatus.State.ABSENT);
            assertAnswer(model, QUESTION);
            second.start();
            patiently().until(() -> state(model, second) == ReplicaStatus.State.SERVING);
            assertAnswers(ask(model, 4, GREEDY), GREEDY);
        }
    }
}
