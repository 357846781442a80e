package io.quarkiverse.eagle.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

class IncrementalDetokenizerTest {

    private static final Tokenizer BYTE_LEVEL = Tokenizers.byteLevel();
    private static final Tokenizer BYTE_FALLBACK = Tokenizers.byteFallback();

    @AfterContainer
    static void close() {
        BYTE_LEVEL.close();
        BYTE_FALLBACK.close();
    }

    @Property(tries = 500, seed = "1")
    void piecesOfAnyTokensAddUpToTheWholeText(@ForAll @Size(max = 60) List<@IntRange(max = 271) Integer> tokens) {
        assertAddsUp(BYTE_LEVEL, tokens);
    }

    @Property(tries = 300, seed = "2")
    void piecesOfBrokenBytesAddUpToTheWholeText(
            @ForAll @Size(max = 60) List<@IntRange(min = 128, max = 255) Integer> tokens) {
        assertAddsUp(BYTE_LEVEL, tokens);
    }

    @Property(tries = 300, seed = "3")
    void piecesOfAnyTextAddUpAndNeverSplitACharacter(@ForAll("texts") String text) {
        for (Tokenizer tokenizer : List.of(BYTE_LEVEL, BYTE_FALLBACK)) {
            IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(tokenizer);
            StringBuilder pieces = new StringBuilder();
            for (int token : tokenizer.encode(text, false)) {
                String piece = detokenizer.push(token);
                assertThat(piece).doesNotContain("\uFFFD");
                assertThat(piece.isEmpty() || !Character.isHighSurrogate(piece.charAt(piece.length() - 1))).isTrue();
                pieces.append(piece);
            }
            assertThat(pieces.append(detokenizer.finish())).hasToString(text);
        }
    }

    @Property(tries = 300, seed = "4")
    void piecesOfAnyWordTokensAddUpWithTheirSpaces(
            @ForAll @Size(max = 40) List<@IntRange(min = 259, max = 281) Integer> tokens) {
        assertAddsUp(BYTE_FALLBACK, tokens);
    }

    @Example
    void holdsACharacterBackUntilItsLastByte() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_LEVEL);
        assertThat(detokenizer.push('a')).isEqualTo("a");
        assertThat(detokenizer.push(0xF0)).isEmpty();
        assertThat(detokenizer.push(0x9F)).isEmpty();
        assertThat(detokenizer.push(0x98)).isEmpty();
        assertThat(detokenizer.push(0x80)).isEqualTo("😀");
        assertThat(detokenizer.push('b')).isEqualTo("b");
        assertThat(detokenizer.finish()).isEmpty();
    }

    @Example
    void givesTheStartOfATokenThatEndsInsideACharacter() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_LEVEL);
        int aAndFirstByteOfEuro = 268;
        assertThat(detokenizer.push(aAndFirstByteOfEuro)).isEqualTo("a");
        assertThat(detokenizer.push(0x82)).isEmpty();
        assertThat(detokenizer.push(0xAC)).isEqualTo("€");
    }

    @Example
    void givesUpOnBytesThatAreNoCharacter() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_LEVEL);
        StringBuilder pieces = new StringBuilder();
        for (int i = 0; i < 100; i++) {
            pieces.append(detokenizer.push(0x80));
            assertThat(pieces.length()).isGreaterThanOrEqualTo(i < 3 ? 0 : i - 1);
        }
        assertThat(pieces + detokenizer.finish()).isEqualTo("\uFFFD".repeat(100));
    }

    @Example
    void flushesABrokenTail() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_LEVEL);
        detokenizer.push(0xE2);
        assertThat(detokenizer.finish()).isEqualTo("\uFFFD");
        assertThat(detokenizer.finish()).isEmpty();
    }

    @Example
    void keepsTheSpacesOfSentencePieceWordsAcrossSpecialTokens() {
        int[] hello = BYTE_FALLBACK.encode("hello world", true);
        int[] again = BYTE_FALLBACK.encode("hello", false);
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_FALLBACK);
        StringBuilder pieces = new StringBuilder();
        for (int[] tokens : new int[][] { hello, { 2, 1 }, again }) {
            Arrays.stream(tokens).forEach(token -> pieces.append(detokenizer.push(token)));
        }
        assertThat(pieces).hasToString("hello world hello");
    }

    @Example
    void joinsFallbackBytesAfterOtherFallbackBytes() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_FALLBACK);
        StringBuilder pieces = new StringBuilder();
        for (int token : BYTE_FALLBACK.encode("😀😀你x", false)) {
            pieces.append(detokenizer.push(token));
        }
        assertThat(pieces).hasToString("😀😀你x");
    }

    @Example
    void takesABoundedWindowHoweverLongTheAnswer() {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(BYTE_LEVEL);
        for (int token : Collections.nCopies(3000, 0x80)) {
            detokenizer.push(token);
        }
        for (int token : Collections.nCopies(3000, (int) 'a')) {
            detokenizer.push(token);
        }
        assertThat(detokenizer.windowCapacity()).isEqualTo(32);
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.of("a", "hello", " ", "  ", " world", "\n", "é", "€", "你", "好", "😀", "👩‍👩‍👧", "ﷺ", "\t")
                .list().ofMaxSize(25).map(parts -> String.join("", parts));
    }

    private static void assertAddsUp(Tokenizer tokenizer, List<Integer> tokens) {
        IncrementalDetokenizer detokenizer = new IncrementalDetokenizer(tokenizer);
        StringBuilder pieces = new StringBuilder();
        tokens.forEach(token -> pieces.append(detokenizer.push(token)));
        int[] all = tokens.stream().mapToInt(Integer::intValue).toArray();
        assertThat(pieces.append(detokenizer.finish())).hasToString(tokenizer.decode(all, true));
    }
}
