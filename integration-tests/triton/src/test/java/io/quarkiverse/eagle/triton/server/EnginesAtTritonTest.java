package io.quarkiverse.eagle.triton.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
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
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** What a real server's engines do when applications share it, when their processes die, and when they are others' engines. */
@Timeout(300)
class EnginesAtTritonTest {

    private static final String QUESTION = "Why is the sky blue?";
    private static final GenerationOptions GREEDY = GenerationOptions.defaults().withMaxTokens(40);
    private static final List<String> MODELS = List.of("SmolLM2-135M-Instruct_target", "SmolLM2-135M-Instruct_draft");

    @TempDir
    private static Path folder;
    private static RealServer server;
    private static SpeculativeModel local;

    @BeforeAll
    static void startServer() {
        server = TritonServer.start(ServedBundle.repository(folder), "--model-control-mode=explicit", "--load-model=*");
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

    private static AssertSubscriber<GeneratedToken> stream(SpeculativeModel model, String question) {
        return model.stream(GenerationRequest.chat(question).with(GREEDY)).subscribe()
                .withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
    }

    private static int[] ids(AssertSubscriber<GeneratedToken> answer) {
        return answer.awaitCompletion(ServedBundle.PATIENCE).getItems().stream().mapToInt(GeneratedToken::id).toArray();
    }

    @Test
    void enginesWhoseProcessesDieGoOnOnceTheyAreLoadedAgain() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            AssertSubscriber<GeneratedToken> answer = stream(remote, QUESTION);
            answer.awaitItems(5, ServedBundle.PATIENCE);
            server.killModels();
            for (String model : MODELS) {
                TritonServer.control(server, model, "unload");
                TritonServer.control(server, model, "load");
            }
            assertThat(ids(answer)).isEqualTo(ServedBundle.answer(local, QUESTION, GREEDY));
        }
    }

    @Test
    void applicationsShareAServerAndOneTooManyIsToldWhatToDo() {
        try (SpeculativeModel first = ServedBundle.over(ServedBundle.at(server.endpoint()));
                SpeculativeModel second = ServedBundle.over(ServedBundle.at(server.endpoint()))) {
            AssertSubscriber<GeneratedToken> one = stream(first, QUESTION);
            AssertSubscriber<GeneratedToken> other = stream(second, "Name three rivers.");
            assertThat(ids(one)).isEqualTo(ServedBundle.answer(local, QUESTION, GREEDY));
            assertThat(ids(other)).isEqualTo(ServedBundle.answer(local, "Name three rivers.", GREEDY));
            assertThatThrownBy(() -> ServedBundle.over(ServedBundle.at(server.endpoint())))
                    .isInstanceOf(EngineException.class).hasMessageContainingAll("no room for 2 sequences", "0 of 4");
        }
        ServedBundle.over(ServedBundle.at(server.endpoint())).close();
    }

    @Test
    void tensorsInSharedMemoryGiveTheSameAnswer() {
        try (SpeculativeModel remote = ServedBundle.over(ServedBundle.at(server.endpoint()).withSharedMemory(true))) {
            GenerationOptions sampled = GREEDY.withTemperature(0.9).withSeed(3L);
            assertThat(ServedBundle.answer(remote, QUESTION, sampled)).isEqualTo(ServedBundle.answer(local, QUESTION, sampled));
        }
    }

    @Test
    void anotherBundlesEnginesAreRefused() {
        BundleManifest served = ServedBundle.bundle().manifest();
        BundleManifest ours = new BundleManifest(served.formatVersion(), served.name(), served.checkpoint(), served.head(),
                served.target(), served.precision(), served.update(), 2 * served.maxLength(), served.slots(), served.bosId(),
                served.eosIds(), served.model(), served.targetGraph(), served.draftGraph(), served.knownAnswer(),
                served.acceptance(), served.files(), "0123");
        assertThatThrownBy(() -> TritonEngines.open(ours, ServedBundle.at(server.endpoint())))
                .isInstanceOf(EngineException.class)
                .hasMessageContainingAll(MODELS.get(0), MODELS.get(1), "bundle checksum", "max length");
    }
}
