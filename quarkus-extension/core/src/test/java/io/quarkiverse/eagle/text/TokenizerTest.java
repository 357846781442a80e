package io.quarkiverse.eagle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import ai.djl.util.Utils;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.grammar.GrammarState;
import io.quarkiverse.eagle.grammar.TokenGrammars;

class TokenizerTest {

    @Test
    void comesBackToTheSameText() {
        String text = "hello world, grüße 😀 你好\n\ttabs  and spaces ";
        try (Tokenizer byteLevel = Tokenizers.byteLevel(); Tokenizer byteFallback = Tokenizers.byteFallback()) {
            assertThat(byteLevel.decode(byteLevel.encode(text, false), true)).isEqualTo(text);
            assertThat(byteFallback.decode(byteFallback.encode(text, true), true)).isEqualTo(text);
        }
    }

    @Test
    void neitherTruncatesNorPadsWhateverTheFileAsksFor() {
        try (Tokenizer tokenizer = Tokenizers.byteLevel()) {
            assertThat(tokenizer.encode("ab", false)).hasSize(2);
            int[] tokens = tokenizer.encode("x y ".repeat(1250), false);
            assertThat(tokens).hasSize(5000);
            assertThat(tokenizer.decode(tokens, false)).isEqualTo("x y ".repeat(1250));
        }
    }

    @Test
    void recognisesSpecialTokensInTheTextAndSkipsThemOnDemand() {
        try (Tokenizer tokenizer = Tokenizers.byteLevel()) {
            int[] tokens = tokenizer.encode("<|im_start|>a<|im_end|>", true);
            assertThat(tokens).containsExactly(269, 'a', 270);
            assertThat(tokenizer.decode(tokens, true)).isEqualTo("a");
            assertThat(tokenizer.decode(tokens, false)).isEqualTo("<|im_start|>a<|im_end|>");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = { "byte-level", "byte-fallback" })
    void whatBeginsCallsOfToolsIsTextThoughItsModelCallsItSpecial(String name, @TempDir Path folder) throws IOException {
        Path file = Tokenizers.withSpecialToken(name, "[TOOL_CALLS]", folder);
        String answer = "[TOOL_CALLS] [{\"a\": 1}]";
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            int mark = tokenizer.vocabularySize() - 1;
            int[] tokens = tokenizer.encode(answer, false);
            assertThat(tokens).contains(mark);
            String whole = tokenizer.decode(tokens, true);
            assertThat(whole.replace("  ", " ")).as("SentencePiece puts a space before every text").isEqualTo(answer);
            IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(tokenizer);
            StringBuilder text = new StringBuilder();
            for (int token : tokens) {
                text.append(detokenizer.push(token));
            }
            assertThat(text.append(detokenizer.finish())).hasToString(whole);
            assertThat(TokenBytes.load(file).of(mark)).asString(StandardCharsets.UTF_8).isEqualTo("[TOOL_CALLS]");
            GrammarState start = new TokenGrammars(() -> TokenBytes.load(file), new int[] { 2 }, mark + 1)
                    .start(new ResponseFormat.Enclosed("[TOOL_CALLS] [", ResponseFormat.json(), "]"));
            assertThat(start.allows(mark)).as("a required call may begin with it").isTrue();
        }
    }

    @Test
    void addsTheModelsOwnSpecialTokensOnlyWhenAsked() {
        try (Tokenizer tokenizer = Tokenizers.byteFallback()) {
            assertThat(tokenizer.encode("a", true)).startsWith(1).hasSize(2);
            assertThat(tokenizer.encode("a", false)).doesNotContain(1).hasSize(1);
        }
    }

    @Test
    void countsSpecialTokensIntoTheVocabulary() {
        try (Tokenizer byteLevel = Tokenizers.byteLevel(); Tokenizer byteFallback = Tokenizers.byteFallback()) {
            assertThat(byteLevel.vocabularySize()).isEqualTo(271);
            assertThat(byteFallback.vocabularySize()).isEqualTo(281);
        }
    }

    @Test
    void worksForManyThreadsAtOnce() {
        try (Tokenizer tokenizer = Tokenizers.byteLevel()) {
            assertThat(IntStream.range(0, 500).parallel()
                    .allMatch(i -> tokenizer.decode(tokenizer.encode("hello " + i, false), true).equals("hello " + i)))
                    .isTrue();
        }
    }

    @Test
    void keepsTheLibraryFromCallingHomeAndFromFetchingNativeCode() {
        Tokenizers.byteLevel().close();
        assertThat(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING")).isEqualTo("true");
        assertThat(Utils.getEnvOrSystemProperty("RUST_FLAVOR")).isEqualTo("cpu");
    }

    @Test
    void saysWhatIsWrongWithAMissingOrDamagedFile(@TempDir Path folder) throws IOException {
        assertThatThrownBy(() -> Tokenizer.load(folder.resolve("tokenizer.json")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("there is no tokenizer at");
        Path damaged = Files.writeString(folder.resolve("damaged.json"), "{\"model\": {\"type\": \"BPE\", \"vocab\"");
        assertThatThrownBy(() -> Tokenizer.load(damaged)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("damaged.json is not a tokenizer.json");
        Path other = Files.writeString(folder.resolve("other.json"), "{\"model\": {\"vocab\": {\"a\": 0}}}");
        assertThatThrownBy(() -> Tokenizer.load(other)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("other.json is not a tokenizer.json");
    }
}
