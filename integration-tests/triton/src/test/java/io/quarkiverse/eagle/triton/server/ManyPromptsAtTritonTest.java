package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.triton.TritonEngines;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkiverse.eagle.triton.client.Backoff;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** Engines at a real server under the demands of many consumers. */
@Timeout(300)
class ManyPromptsAtTritonTest {

    private static final List<String> QUESTIONS = List.of("What is a comet?", "Name three rivers.", "Why do cats purr?",
            "How is glass made?", "What is 17 plus 25?", "Write a haiku about rain.", "Translate 'good morning' to French.",
            "List four colours.", "What does a lighthouse do?", "Explain gravity to a child.", "Who writes software?",
            "Write a Java method that adds two numbers.", "What is the capital of Norway?", "Give a recipe for pancakes.",
            "How do bees find flowers?", "What is a prime number?", "Describe a forest in autumn.", "What is rust?",
            "Why is ice slippery?", "Summarise in one word: the meeting was long and nothing was decided.",
            "How many legs has a spider?", "What rhymes with light?", "Write a loop in Python.", "When do leaves fall?");
    private static final GenerationOptions SHORT = GenerationOptions.defaults().withMaxTokens(20);
    private static final GenerationOptions LONG = GenerationOptions.defaults().withMaxTokens(60);

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

    private static AssertSubscriber<GeneratedToken> stream(SpeculativeModel model, String question, GenerationOptions options,
            long demand) {
        return model.stream(GenerationRequest.chat(question).with(options)).subscribe()
                .withSubscriber(AssertSubscriber.create(demand));
    }

    private static int[] ids(List<GeneratedToken> tokens) {
        return tokens.stream().mapToInt(GeneratedToken::id).toArray();
    }

    @Test
    void twoDozenPromptsAreAnsweredAsInThisProcess() {
        List<String> wrong = new ArrayList<>();
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            for (int i = 0; i < QUESTIONS.size(); i++) {
                GenerationOptions options = i % 2 == 0 ? SHORT : SHORT.withTemperature(0.9).withSeed((long) i);
                int[] expected = ServedBundle.answer(local, QUESTIONS.get(i), options.withDrafter("none"));
                if (!Arrays.equals(expected, ServedBundle.answer(remote, QUESTIONS.get(i), options))) {
                    wrong.add(QUESTIONS.get(i));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void tokensComeAsTheyAreAskedForAndCancellingFreesTheSlot() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()).withSlots(1))) {
            AssertSubscriber<GeneratedToken> unhurried = stream(remote, QUESTIONS.get(0), LONG, 3);
            unhurried.awaitItems(3, ServedBundle.PATIENCE);
            AssertSubscriber<GeneratedToken> waiting = stream(remote, QUESTIONS.get(1), LONG, Long.MAX_VALUE);
            unhurried.request(2);
            unhurried.awaitItems(5, ServedBundle.PATIENCE);
            assertThat(waiting.getItems()).as("the only slot is taken").isEmpty();
            unhurried.cancel();
            waiting.awaitCompletion(ServedBundle.PATIENCE);
            assertThat(unhurried.getItems()).hasSize(5);
            assertThat(ids(waiting.getItems())).isEqualTo(ServedBundle.answer(local, QUESTIONS.get(1), LONG));
            assertThat(ids(unhurried.getItems()))
                    .isEqualTo(Arrays.copyOf(ServedBundle.answer(local, QUESTIONS.get(0), LONG), 5));
        }
    }

    @Test
    void aModelThatTheServerDoesNotHaveIsNamed() {
        BundleManifest served = ServedBundle.bundle().manifest();
        BundleManifest other = new BundleManifest(served.formatVersion(), "somebody else's", served.checkpoint(), served.head(),
                served.target(), served.precision(), served.update(), served.maxLength(), served.slots(), served.bosId(),
                served.eosIds(), served.model(), served.targetGraph(), served.draftGraph(), served.knownAnswer(),
                served.acceptance(), served.files(), served.checksum());
        TritonClientOptions client = TritonClientOptions.of(server.endpoint())
                .withBackoff(new Backoff(Duration.ofMillis(10), Duration.ofMillis(50), 3, 0.5));
        assertThatThrownBy(() -> TritonEngines.open(other, TritonOptions.of(client))).isInstanceOf(EngineException.class)
                .hasMessageContaining("no ready model somebody_else_s_target");
    }
}
