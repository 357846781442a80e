package io.quarkiverse.eagle.text;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;

/**
 * A model's tokenizer, from its {@code tokenizer.json}. Never truncates and never pads, whatever that file asks for. Special
 * tokens written out in the text are recognised as such. Needs no network. Thread-safe; holds native memory until it is
 * closed.
 */
public final class Tokenizer implements AutoCloseable {

    private static final Map<String, String> AS_IT_IS = Map.of("truncation", "false", "padding", "false", "modelMaxLength",
            String.valueOf(Integer.MAX_VALUE), "maxLength", String.valueOf(Integer.MAX_VALUE));

    static {
        // Otherwise the library reports its use to its authors, and fetches another native library where it finds CUDA.
        setUnlessChosen("OPT_OUT_TRACKING", "true");
        setUnlessChosen("RUST_FLAVOR", "cpu");
    }

    /** Marked as special by their models, but part of an answer: Mistral's begins its calls of tools with one. */
    private static final Set<String> SPOKEN = Set.of("[TOOL_CALLS]");

    private final HuggingFaceTokenizer tokenizer;
    private final int vocabularySize;
    private final BitSet special;

    private Tokenizer(HuggingFaceTokenizer tokenizer, int vocabularySize, BitSet special) {
        this.tokenizer = tokenizer;
        this.vocabularySize = vocabularySize;
        this.special = special;
    }

    /** @throws IllegalArgumentException the file is missing or is not a tokenizer */
    public static Tokenizer load(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException("there is no tokenizer at " + file
                    + "; a bundle needs the tokenizer.json of its model");
        }
        try {
            JsonNode json = new ObjectMapper().readTree(Files.readAllBytes(file));
            return new Tokenizer(open(file, json), vocabularySize(json), specialTokens(json));
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException(file + " is not a tokenizer.json that can be read: " + e.getMessage()
                    + "; copy the file of the model again", e);
        }
    }

    private static HuggingFaceTokenizer open(Path file, JsonNode json) throws IOException {
        boolean asItIs = true;
        for (JsonNode token : json.path("added_tokens")) {
            if (token.path("special").asBoolean() && !isSpecial(token)) {
                ((ObjectNode) token).put("special", false);
                asItIs = false;
            }
        }
        return asItIs ? HuggingFaceTokenizer.newInstance(file, AS_IT_IS)
                : HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json.toString().getBytes(StandardCharsets.UTF_8)),
                        AS_IT_IS);
    }

    private static void setUnlessChosen(String property, String value) {
        if (System.getenv(property) == null && System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** The highest token id, special tokens included, plus one. */
    static int vocabularySize(JsonNode json) {
        int highest = -1;
        JsonNode vocabulary = json.path("model").path("vocab");
        if (vocabulary.isArray()) {
            highest = vocabulary.size() - 1; // Unigram: the position is the id
        }
        for (JsonNode id : vocabulary) {
            highest = Math.max(highest, id.asInt(-1));
        }
        for (JsonNode token : json.path("added_tokens")) {
            highest = Math.max(highest, token.path("id").asInt(-1));
        }
        if (highest < 0) {
            throw new IllegalArgumentException("it has no vocabulary under model.vocab");
        }
        return highest + 1;
    }

    private static BitSet specialTokens(JsonNode json) {
        BitSet special = new BitSet();
        for (JsonNode token : json.path("added_tokens")) {
            if (isSpecial(token)) {
                special.set(token.path("id").asInt());
            }
        }
        return special;
    }

    /** Whether an added token never becomes text. */
    static boolean isSpecial(JsonNode token) {
        return token.path("special").asBoolean() && !SPOKEN.contains(token.path("content").asText());
    }

    /** True for a token that never becomes text when special tokens are skipped. */
    boolean silent(int token) {
        return token >= vocabularySize || special.get(token);
    }

    /** @param addSpecialTokens adds what the model puts around a text, such as its beginning of sequence */
    public int[] encode(String text, boolean addSpecialTokens) {
        return Arrays.stream(tokenizer.encode(text, addSpecialTokens, false).getIds()).mapToInt(Math::toIntExact).toArray();
    }

    /** @param skipSpecial leaves special tokens out of the text */
    public String decode(int[] tokens, boolean skipSpecial) {
        return decode(tokens, 0, tokens.length, skipSpecial);
    }

    /** Decodes {@code tokens[from…to)}. */
    public String decode(int[] tokens, int from, int to, boolean skipSpecial) {
        long[] ids = new long[to - from];
        for (int i = from; i < to; i++) {
            ids[i - from] = tokens[i];
        }
        return tokenizer.decode(ids, skipSpecial);
    }

    /** Number of token ids, special tokens included. An engine's vocabulary may be padded beyond it. */
    public int vocabularySize() {
        return vocabularySize;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
