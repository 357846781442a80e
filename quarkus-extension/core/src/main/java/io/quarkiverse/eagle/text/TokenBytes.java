package io.quarkiverse.eagle.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * The bytes that each token of a {@code tokenizer.json} adds to a text. Knows the two ways in which vocabularies are written
 * down: bytes as printable characters (GPT-2's table; decoder {@code ByteLevel}), and text with {@code ▁} for a space and
 * {@code <0xNN>} for bytes (SentencePiece's; {@code Replace}, {@code ByteFallback}, {@code Metaspace}). Immutable.
 */
public final class TokenBytes {

    private static final char SPACE_MARK = '\u2581';

    /** [vocabulary]: null for a token that never becomes text. */
    private final byte[][] bytes;

    private TokenBytes(byte[][] bytes) {
        this.bytes = bytes;
    }

    /** @throws IllegalArgumentException the file is no tokenizer, or writes its vocabulary down in another way */
    public static TokenBytes load(Path file) {
        try {
            return read(new ObjectMapper().readTree(Files.readAllBytes(file)));
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " is not a tokenizer.json that can be read: " + e.getMessage(), e);
        }
    }

    private static TokenBytes read(JsonNode json) {
        byte[][] bytes = new byte[Tokenizer.vocabularySize(json)][];
        Function<String, byte[]> spelling = spelling(json.path("decoder"));
        JsonNode vocabulary = json.path("model").path("vocab");
        if (vocabulary.isArray()) {
            for (int id = 0; id < vocabulary.size(); id++) {
                bytes[id] = spelling.apply(vocabulary.get(id).path(0).asText());
            }
        } else {
            vocabulary.fields().forEachRemaining(entry -> bytes[entry.getValue().asInt()] = spelling.apply(entry.getKey()));
        }
        for (JsonNode token : json.path("added_tokens")) {
            bytes[token.path("id").asInt()] = Tokenizer.isSpecial(token) ? null
                    : token.path("content").asText().getBytes(StandardCharsets.UTF_8);
        }
        return new TokenBytes(bytes);
    }

    private static Function<String, byte[]> spelling(JsonNode decoder) {
        if (uses(decoder, "ByteLevel")) {
            return TokenBytes::fromPrintable;
        }
        if (uses(decoder, "ByteFallback") || uses(decoder, "Metaspace") || uses(decoder, "Replace")) {
            return TokenBytes::fromMarked;
        }
        throw new IllegalArgumentException("the tokenizer's decoder is " + decoder.path("type").asText("missing")
                + "; constrained decoding knows ByteLevel, Metaspace and ByteFallback");
    }

    private static boolean uses(JsonNode decoder, String type) {
        if (decoder.path("type").asText().equals(type)) {
            return true;
        }
        for (JsonNode part : decoder.path("decoders")) {
            if (uses(part, type)) {
                return true;
            }
        }
        return false;
    }

    /** Null where a character stands for no byte: then the token is no text. */
    private static byte[] fromPrintable(String token) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            int value = PrintableBytes.of(token.charAt(i));
            if (value < 0) {
                return null;
            }
            bytes[i] = (byte) value;
        }
        return bytes;
    }

    private static byte[] fromMarked(String token) {
        if (token.length() == 6 && token.startsWith("<0x") && token.endsWith(">")) {
            return new byte[] { (byte) Integer.parseInt(token.substring(3, 5), 16) };
        }
        return token.replace(SPACE_MARK, ' ').getBytes(StandardCharsets.UTF_8);
    }

    /** How many token ids there are. */
    public int size() {
        return bytes.length;
    }

    /** The bytes of a token, or null for one that never becomes text; not to be changed. */
    public byte[] of(int token) {
        return bytes[token];
    }

    /** GPT-2's table: printable bytes stand for themselves, the others for the characters from 256 on, in order. */
    private static final class PrintableBytes {

        private static final int[] BYTES = new int[512];

        static {
            Arrays.fill(BYTES, -1);
            int other = 256;
            for (int value = 0; value < 256; value++) {
                boolean printable = value >= '!' && value <= '~' || value >= 0xA1 && value <= 0xAC || value >= 0xAE;
                BYTES[printable ? value : other++] = value;
            }
        }

        static int of(char character) {
            return character < BYTES.length ? BYTES[character] : -1;
        }
    }
}
