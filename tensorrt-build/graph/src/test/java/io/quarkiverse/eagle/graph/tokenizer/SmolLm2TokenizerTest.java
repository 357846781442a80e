package io.quarkiverse.eagle.graph.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.checkpoint.SmolLm2;

class SmolLm2TokenizerTest {

    @TempDir
    static Path folder;

    @BeforeAll
    static void writeTokenizer() throws IOException {
        try (ModelSource model = SmolLm2.open()) {
            model.writeTokenizer(folder);
        }
    }

    @Test
    void encodesEveryPromptToTheIdsOfTheOriginalTokenizer() throws IOException {
        JsonNode cases = new ObjectMapper().readTree(SmolLm2.shared("oracles/target.json").toFile()).get("cases");
        assertThat(cases).isNotEmpty();
        try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(folder.resolve("tokenizer.json"),
                Map.of())) {
            for (JsonNode example : cases) {
                long[] expected = new ObjectMapper().convertValue(example.get("prompt_ids"), long[].class);
                String prompt = example.get("prompt").asText();
                assertThat(tokenizer.encode(prompt, false, false).getIds()).as(prompt).containsExactly(expected);
                assertThat(tokenizer.encode(prompt, true, false).getIds()).as("with a post-processor")
                        .containsExactly(expected);
                assertThat(tokenizer.decode(expected, false)).isEqualTo(prompt);
            }
        }
    }

    @Test
    void splitsDigitsOneByOneAndGoesThroughAnyText() throws IOException {
        try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(folder.resolve("tokenizer.json"),
                Map.of())) {
            String text = "In 2024 x=1234 \u00e4\u20ac\ud83d\ude00\n\n\tdone ";
            long[] ids = tokenizer.encode(text, false, false).getIds();
            assertThat(tokenizer.decode(ids, false)).isEqualTo(text);
            assertThat(tokenizer.encode("1234", false, false).getIds()).hasSize(4);
        }
    }

    @Test
    void writesTheChatTemplate() throws IOException {
        assertThat(Files.readString(folder.resolve("chat_template.jinja"))).contains("<|im_start|>", "messages");
    }
}
