package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.decode.HalfBatching;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** What comes out of engines at a real server is what comes out of engines in this process, also when the server dies. */
@Timeout(300)
class DecodingOverTritonTest {

    private static final String QUESTION = "How does a hot-air balloon fly?";
    private static final GenerationOptions GREEDY = GenerationOptions.defaults().withMaxTokens(48);
    private static final GenerationOptions SAMPLED = GREEDY.withTemperature(0.9).withSeed(21L);

    @TempDir
    private static Path folder;
    private static RealServer server;
    private static SpeculativeModel local;

    @BeforeAll
    static void startServer() {
        server = TritonServer.start(ServedBundle.repository(folder));
        local = ServedBundle.reference(server);
    }

    @AfterAll
    static void stopServer() {
        if (local != null) {
            local.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @Test
    void everyDrafterSaysWhatEnginesInThisProcessSay() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            for (GenerationOptions options : List.of(GREEDY, SAMPLED, SAMPLED.withPenalties(1.1, 0.1, 0.1),
                    SAMPLED.withPenalties(0.95, 0, 0).withMaxTokens(12))) {
                int[] expected = ServedBundle.answer(local, QUESTION, options.withDrafter("none"));
                assertThat(ServedBundle.answer(remote, QUESTION, options.withDrafter("none"))).isEqualTo(expected);
                assertThat(ServedBundle.answer(remote, QUESTION, options)).isEqualTo(expected);
                assertThat(ServedBundle.answer(remote, QUESTION, options.withBudget(TreeBudget.PAPER))).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(HalfBatching.class)
    void manyAtOnceSayWhatEachSaysAlone(HalfBatching halves) {
        List<String> questions = List.of("What is a comet?", QUESTION, "Name three rivers.", "Why do cats purr?");
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()), halves)) {
            List<AssertSubscriber<GeneratedToken>> answers = questions.stream()
                    .map(question -> stream(remote, question, SAMPLED)).toList();
            for (int i = 0; i < questions.size(); i++) {
                assertThat(ids(answers.get(i))).isEqualTo(ServedBundle.answer(local, questions.get(i), SAMPLED));
            }
        }
    }

    @Test
    void aServerThatIsKilledAndComesBackLosesDoublesAndChangesNothing() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            AssertSubscriber<GeneratedToken> greedy = stream(remote, QUESTION, GREEDY);
            AssertSubscriber<GeneratedToken> sampled = stream(remote, QUESTION, SAMPLED);
            greedy.awaitItems(5, ServedBundle.PATIENCE);
            server.kill();
            server.start();
            assertThat(ids(greedy)).isEqualTo(ServedBundle.answer(local, QUESTION, GREEDY));
            assertThat(ids(sampled)).isEqualTo(ServedBundle.answer(local, QUESTION, SAMPLED));
        }
    }

    @Test
    void theHostsFiguresStandBesideTritonsOwn() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            ServedBundle.answer(remote, QUESTION, GREEDY.withMaxTokens(4));
            Awaitility.await().untilAsserted(() -> assertThat(server.metrics())
                    .containsPattern("eagle_host_steps_total\\{.*target.*} [1-9]")
                    .containsPattern("eagle_host_leases\\{.*target.*} [1-9]"));
        }
    }

    private static AssertSubscriber<GeneratedToken> stream(SpeculativeModel model, String question, GenerationOptions options) {
        return model.stream(GenerationRequest.chat(question).with(options)).subscribe()
                .withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
    }

    /** All ids, which must be in order and end with the result. */
    private static int[] ids(AssertSubscriber<GeneratedToken> answer) {
        answer.awaitCompletion(ServedBundle.PATIENCE);
        List<GeneratedToken> tokens = new CopyOnWriteArrayList<>(answer.getItems());
        for (int i = 0; i < tokens.size(); i++) {
            assertThat(tokens.get(i).index()).isEqualTo(i);
        }
        GenerationResult result = tokens.get(tokens.size() - 1).result();
        int[] ids = tokens.stream().mapToInt(GeneratedToken::id).toArray();
        assertThat(result.tokenIds()).isEqualTo(ids);
        return ids;
    }
}
