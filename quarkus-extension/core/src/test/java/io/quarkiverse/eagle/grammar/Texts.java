package io.quarkiverse.eagle.grammar;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.text.TokenBytes;

/** Reads texts byte by byte. */
final class Texts {

    /** Byte-level BPE: tokens 0 to 255 are bytes, 270 ends an answer. */
    static final TokenTrie BYTE_LEVEL = new TokenTrie(
            TokenBytes.load(Path.of("src/test/resources/tokenizers/byte-level.json")));
    static final int END = 270;

    private Texts() {
    }

    static GrammarState start(ResponseFormat format) {
        return new TokenGrammar(TokenGrammars.automaton(format), BYTE_LEVEL, new int[] { END }, 271).start();
    }

    static GrammarState start(String schema) {
        return start(ResponseFormat.jsonSchema(schema));
    }

    /** Where a text leads, null when it cannot be. */
    static GrammarState after(GrammarState start, String text) {
        GrammarState state = start;
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            state = state == null ? null : state.afterByte(value & 0xFF);
        }
        return state;
    }

    /** Whether a text is a whole document. */
    static boolean accepts(GrammarState start, String text) {
        GrammarState state = after(start, text);
        return state != null && state.isComplete();
    }
}
