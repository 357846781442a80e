package io.quarkiverse.eagle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenBytesTest {

    @ParameterizedTest
    @ValueSource(strings = { "hello world", "{\"a\": [1, 2]}\n", "né 世界 \uD83D\uDE00", "\u0000\u007f\t" })
    void theBytesOfATextsTokensAreTheText(String text) {
        for (String name : new String[] { "byte-level", "byte-fallback" }) {
            Path file = Tokenizers.FOLDER.resolve(name + ".json");
            TokenBytes bytes = TokenBytes.load(file);
            ByteArrayOutputStream joined = new ByteArrayOutputStream();
            try (Tokenizer tokenizer = Tokenizer.load(file)) {
                for (int token : tokenizer.encode(text, false)) {
                    joined.writeBytes(bytes.of(token));
                }
            }
            // SentencePiece puts a space before every text.
            String marked = name.equals("byte-fallback") ? " " + text : text;
            assertThat(joined.toString(StandardCharsets.UTF_8)).as(name).isEqualTo(marked);
        }
    }

    @Test
    void specialTokensAreNoText() {
        assertThat(TokenBytes.load(Tokenizers.FOLDER.resolve("byte-level.json")).of(270)).isNull();
        assertThat(TokenBytes.load(Tokenizers.FOLDER.resolve("byte-fallback.json")).of(1)).isNull();
    }

    @Test
    void anotherWayToWriteAVocabularyIsRefusedByName(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("tokenizer.json"),
                "{\"decoder\": {\"type\": \"WordPiece\"}, \"model\": {\"vocab\": {\"a\": 0}}}");
        assertThatThrownBy(() -> TokenBytes.load(file)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("WordPiece");
    }
}
