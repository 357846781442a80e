package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.node.ObjectNode;

class Eagle3HeadTest {

    private static final int DRAFT = 40;

    @TempDir
    Path folder;

    private final ModelConfig config = GeneratedCheckpoints.smallLlama(1);

    private Eagle3Head open() {
        return (Eagle3Head) DraftHead.open(folder);
    }

    private void write(SafetensorsBuilder weights) {
        GeneratedCheckpoints.writeEagle3Config(folder, config, DRAFT);
        weights.write(folder.resolve("model.safetensors"), 1);
    }

    private SafetensorsBuilder weights() {
        return GeneratedCheckpoints.eagle3Head(config, DRAFT, false, "F16");
    }

    private void configure(Consumer<ObjectNode> change) {
        write(weights());
        ObjectNode json = GeneratedCheckpoints.writeEagle3Config(folder, config, DRAFT);
        change.accept(json);
        GeneratedCheckpoints.write(folder.resolve("config.json"), json);
    }

    private void assertRefused(String... texts) {
        assertThatThrownBy(this::open).isInstanceOf(CheckpointException.class).hasMessageContainingAll(texts);
    }

    @Test
    void mapsDraftIdsToTheTargetsTokens() {
        write(weights());
        try (Eagle3Head head = open()) {
            assertThat(head.config()).isEqualTo(config);
            assertThat(head.fcBias()).isFalse();
            assertThat(head.draftTokens()).hasSize(DRAFT).isSorted().startsWith(0, 1, 3, 4, 6).endsWith(62);
            assertThat(head.tokensByFrequency()).isEmpty();
        }
    }

    @Test
    void aHeadOfTheWholeVocabularyNeedsNoMap() {
        GeneratedCheckpoints.writeEagle3Config(folder, config, config.vocabulary());
        GeneratedCheckpoints.eagle3Head(config, config.vocabulary(), true, "BF16").without("d2t").without("t2d")
                .write(folder.resolve("model.safetensors"), 1);
        try (Eagle3Head head = open()) {
            assertThat(head.draftTokens()).hasSize(config.vocabulary()).startsWith(0, 1, 2).endsWith(63);
            assertThat(head.fcBias()).isTrue();
        }
    }

    @Test
    void readsTheTargetNearItsBothEndsAndInItsMiddle() {
        write(weights());
        try (Eagle3Head head = open()) {
            assertThat(head.featureLayers(32)).containsExactly(2, 16, 29);
            assertThat(head.featureLayers(7)).containsExactly(2, 3, 4);
            assertThatThrownBy(() -> head.featureLayers(6)).isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("the target has 6", "at least 7");
        }
    }

    @Test
    void readsTheTargetWhereTheConfigurationSays() {
        configure(json -> json.putObject("eagle_config").putArray("eagle_aux_hidden_state_layer_ids").add(1).add(3).add(5));
        try (Eagle3Head head = open()) {
            assertThat(head.featureLayers(6)).containsExactly(2, 4, 6);
            assertThatThrownBy(() -> head.featureLayers(5)).isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("output of layer 5", "5 layers", "trained for this target");
        }
        configure(json -> json.putObject("eagle_config").putArray("eagle_aux_hidden_state_layer_ids").add(1).add(3));
        assertRefused("eagle_aux_hidden_state_layer_ids is [1,3]", "three");
    }

    @ParameterizedTest
    @ValueSource(strings = { "fc.weight", "midlayer.hidden_norm.weight", "midlayer.input_layernorm.weight",
            "midlayer.self_attn.q_proj.weight", "norm.weight", "lm_head.weight", "d2t" })
    void aMissingTensorIsNamed(String name) {
        write(weights().without(name));
        assertRefused("has no tensor " + name);
    }

    @Test
    void namesTheTensorAndBothShapesWhenTheyDiffer() {
        write(weights().reshape("midlayer.self_attn.k_proj.weight", 16, 32));
        assertRefused("midlayer.self_attn.k_proj.weight", "[16, 32]", "expected [16, 64]");
        write(weights().reshape("lm_head.weight", 64, 32));
        assertRefused("lm_head.weight", "[64, 32]", "expected [40, 32]");
        write(weights().without("d2t").addIntegers("d2t", new long[DRAFT - 1]));
        assertRefused("d2t", "[39]", "expected [40]");
        write(weights().add("midlayer.self_attn.q_norm.weight", "F16", 8));
        assertRefused("midlayer.self_attn.q_norm.weight", "would change the results");
    }

    @Test
    void refusesAMapThatLeavesTheVocabularyOrMeetsATokenTwice() {
        long[] outside = new long[DRAFT];
        outside[39] = 25;
        write(weights().without("d2t").addIntegers("d2t", outside));
        assertRefused("d2t maps draft id 39 to token 64", "from 0 to 63");
        long[] twice = new long[DRAFT];
        twice[7] = 1;
        write(weights().without("d2t").addIntegers("d2t", twice));
        assertRefused("d2t maps draft id 8 to token 8", "at most once");
        write(weights().without("d2t").add("d2t", "F32", DRAFT));
        assertRefused("d2t has type F32", "expected I64 or I32");
    }

    @Test
    void refusesADraftVocabularyLargerThanTheTargets() {
        configure(json -> json.put("draft_vocab_size", 65));
        assertRefused("draft_vocab_size is 65", "at most vocab_size, which is 64");
    }

    @ParameterizedTest
    @ValueSource(strings = { "norm_before_residual", "norm_before_fc", "fc_norm" })
    void refusesVariantsThatWouldComputeSomethingElse(String variant) {
        configure(json -> json.put(variant, true));
        assertRefused(variant + " is true");
    }

    @Test
    void refusesFormsThatHaveNoGraph() {
        configure(json -> json.putObject("transformer_layer_config"));
        assertRefused("vLLM's speculators", "the EAGLE authors' form");
        configure(json -> json.put("num_hidden_layers", 2));
        assertRefused("num_hidden_layers is 2", "one layer");
        configure(json -> json.put("target_hidden_size", 64));
        assertRefused("target_hidden_size is 64", "expected 32");
    }

    @Test
    void acceptsTheArchitectureNameOfOtherTrainers() throws Exception {
        configure(json -> json.putArray("architectures").add("LlamaForCausalLMEagle3"));
        try (Eagle3Head head = open()) {
            assertThat(head.config().family()).isEqualTo("llama");
        }
        assertThat(Files.readString(folder.resolve("config.json"))).contains("Eagle3");
    }
}
