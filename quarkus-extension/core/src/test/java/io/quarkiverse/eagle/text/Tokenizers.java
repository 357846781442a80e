package io.quarkiverse.eagle.text;

import java.io.IOException;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;

/** The small tokenizers of the tests. */
final class Tokenizers {

    static final Path FOLDER = Path.of("src/test/resources/tokenizers");

    private Tokenizers() {
    }

    /** Byte-level BPE: tokens 0 to 255 are bytes, 256 to 268 merges, 269 and 270 special. Its file asks to truncate and pad. */
    static Tokenizer byteLevel() {
        return Tokenizer.load(FOLDER.resolve("byte-level.json"));
    }

    /** One of the files here with a special token more, the last one. */
    static Path withSpecialToken(String name, String content, Path folder) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        JsonNode json = mapper.readTree(FOLDER.resolve(name + ".json").toFile());
        ((ArrayNode) json.get("added_tokens")).addObject().put("id", Tokenizer.vocabularySize(json)).put("content", content)
                .put("single_word", false).put("lstrip", false).put("rstrip", false).put("normalized", false)
                .put("special", true);
        Path file = folder.resolve("tokenizer.json");
        mapper.writeValue(file.toFile(), json);
        return file;
    }

    /** Like SentencePiece: 0 to 2 special, 3 to 258 fallback bytes, then pieces that carry the space before them. */
    static Tokenizer byteFallback() {
        return Tokenizer.load(FOLDER.resolve("byte-fallback.json"));
    }
}
