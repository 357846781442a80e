package io.quarkiverse.eagle.graph.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;

class TokenizerJsonTest {

    @TempDir
    Path folder;

    private HuggingFaceTokenizer write(GgufVocabulary vocabulary) throws IOException {
        Path file = folder.resolve("tokenizer.json");
        TokenizerJson.write(vocabulary, file);
        return HuggingFaceTokenizer.newInstance(file, Map.of());
    }

    /** The letters a to e, the digits, space and some merges; byte-level's space is Ġ. */
    private static GgufVocabulary letters(String pre, boolean addBos) {
        List<String> tokens = new ArrayList<>(List.of("<s>", "a", "b", "c", "\u0120", "1", "2", "3", "4", "!", "'", "s"));
        String[] merges = { "a b", "ab c", "\u0120 a", "1 2", "12 3", "' s" };
        for (String merge : merges) {
            tokens.add(merge.replace(" ", ""));
        }
        tokens.add("cab");
        tokens.add("<tool>");
        int[] types = new int[tokens.size()];
        Arrays.fill(types, 1);
        types[0] = GgufVocabulary.CONTROL;
        types[types.length - 1] = GgufVocabulary.USER_DEFINED;
        return new GgufVocabulary("gpt2", pre, tokens.toArray(String[]::new), types, null, merges, 0, -1, addBos, false);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "gpt-2     | abc 1234's  | abc Ġ 123 4 's Ġ Ġ",
            "smollm    | abc 1234's  | abc Ġ 1 2 3 4 's Ġ Ġ",
            "llama-bpe | abc 1234's  | abc Ġ 123 4 's Ġ Ġ",
            "llama-bpe | cab         | cab",
            "gpt-2     | cab         | c ab",
            "qwen2     | abc 1234's  | abc Ġ 1 2 3 4 's Ġ Ġ",
            "qwen2     | ab<tool>a   | ab <tool> a",
            "gpt-2     | <s>ab       | <s> ab" })
    void splitsWordsByTheNamedRule(String pre, String text, String expected) throws IOException {
        String spaced = text.equals("abc 1234's") ? text + "  " : text;
        try (HuggingFaceTokenizer tokenizer = write(letters(pre, false))) {
            Encoding encoding = tokenizer.encode(spaced, true, false);
            assertThat(encoding.getTokens()).containsExactly(expected.split(" "));
            assertThat(tokenizer.decode(encoding.getIds(), false)).isEqualTo(spaced);
        }
    }

    @Test
    void beginsWithBosOnlyWhenTheFileSaysSo() throws IOException {
        try (HuggingFaceTokenizer tokenizer = write(letters("gpt-2", true))) {
            assertThat(tokenizer.encode("ab", true, false).getTokens()).containsExactly("<s>", "ab");
            assertThat(tokenizer.encode("ab", false, false).getTokens()).containsExactly("ab");
        }
        try (HuggingFaceTokenizer tokenizer = write(letters("gpt-2", false))) {
            assertThat(tokenizer.encode("ab", true, false).getTokens()).containsExactly("ab");
        }
    }

    @Test
    void refusesAnUnknownRuleByName() {
        assertThatThrownBy(() -> write(letters("tekken", false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("tekken", "smollm", "tokenizer.json");
    }

    private static GgufVocabulary sentencePiece(boolean spacePrefix) {
        String[] tokens = new String[3 + 256 + 9];
        int[] types = new int[tokens.length];
        float[] scores = new float[tokens.length];
        tokens[0] = "<unk>";
        tokens[1] = "<s>";
        tokens[2] = "</s>";
        types[0] = GgufVocabulary.UNKNOWN;
        types[1] = GgufVocabulary.CONTROL;
        types[2] = GgufVocabulary.CONTROL;
        for (int i = 0; i < 256; i++) {
            tokens[3 + i] = String.format("<0x%02X>", i);
            types[3 + i] = GgufVocabulary.BYTE;
        }
        String[] texts = { "bc", "ab", "\u2581ab", "abc", "\u2581", "a", "b", "c", "\u2581\u2581" };
        for (int i = 0; i < texts.length; i++) {
            tokens[259 + i] = texts[i];
            types[259 + i] = 1;
            scores[259 + i] = -i;
        }
        return new GgufVocabulary("llama", "default", tokens, types, scores, null, 1, 0, true, spacePrefix);
    }

    @Test
    void sentencePieceMergesByScoreAndFallsBackToBytes() throws IOException {
        try (HuggingFaceTokenizer tokenizer = write(sentencePiece(true))) {
            Encoding encoding = tokenizer.encode("ab abc \u00e9", true, false);
            assertThat(encoding.getTokens())
                    .containsExactly("<s>", "\u2581ab", "\u2581", "abc", "\u2581", "<0xC3>", "<0xA9>");
            assertThat(tokenizer.decode(encoding.getIds(), true)).isEqualTo("ab abc \u00e9");
        }
        try (HuggingFaceTokenizer tokenizer = write(sentencePiece(false))) {
            assertThat(tokenizer.encode("ab", false, false).getTokens()).containsExactly("ab");
        }
    }

    @Test
    void mergesAreOrderedByScoreThenByTheLengthOfTheirHalves() {
        assertThat(ScoredMerges.of(sentencePiece(true)))
                .extracting(merge -> merge.left() + " " + merge.right())
                .containsExactly("b c", "a b", "\u2581 ab", "ab c", "a bc", "\u2581 \u2581");
    }
}
