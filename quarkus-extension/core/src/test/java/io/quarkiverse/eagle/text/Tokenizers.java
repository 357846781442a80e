package io.quarkiverse.eagle.text;

import java.nio.file.Path;

/** The small tokenizers of the tests. */
final class Tokenizers {

    static final Path FOLDER = Path.of("src/test/resources/tokenizers");

    private Tokenizers() {
    }

    /** Byte-level BPE: tokens 0 to 255 are bytes, 256 to 268 merges, 269 and 270 special. Its file asks to truncate and pad. */
    static Tokenizer byteLevel() {
        return Tokenizer.load(FOLDER.resolve("byte-level.json"));
    }

    /** Like SentencePiece: 0 to 2 special, 3 to 258 fallback bytes, then pieces that carry the space before them. */
    static Tokenizer byteFallback() {
        return Tokenizer.load(FOLDER.resolve("byte-fallback.json"));
    }
}
