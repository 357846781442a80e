package io.quarkiverse.eagle.graph.tokenizer;

/**
 * A tokenizer as the metadata of a GGUF file describes it. The arrays are not copied and must not change.
 *
 * @param model {@code gpt2} (byte-level BPE) or {@code llama} (SentencePiece BPE)
 * @param pre name of the rule by which a byte-level tokenizer splits text into words
 * @param tokens by id
 * @param types by id, as GGUF numbers them; null when all are normal
 * @param scores by id, higher merges first; null for byte-level BPE
 * @param merges "left right", first merges first; null for SentencePiece
 * @param bosId token that begins a text, or -1
 * @param unknownId token for what the vocabulary cannot express, or -1
 * @param addBos whether encoding puts {@code bosId} first
 * @param addSpacePrefix whether SentencePiece puts a space before the text
 */
public record GgufVocabulary(String model, String pre, String[] tokens, int[] types, float[] scores, String[] merges,
        int bosId, int unknownId, boolean addBos, boolean addSpacePrefix) {

    static final int UNKNOWN = 2;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;
    static final int UNUSED = 5;
    static final int BYTE = 6;

    public GgufVocabulary {
        requireLength("token_type", types == null ? tokens.length : types.length, tokens.length);
        requireLength("scores", scores == null ? tokens.length : scores.length, tokens.length);
        requireId("bos_token_id", bosId, tokens.length);
        requireId("unknown_token_id", unknownId, tokens.length);
    }

    private static void requireLength(String what, int found, int expected) {
        if (found != expected) {
            throw new IllegalArgumentException("the tokenizer has " + found + " entries in " + what + "; expected "
                    + expected + ", one per token");
        }
    }

    private static void requireId(String what, int id, int tokens) {
        if (id >= tokens) {
            throw new IllegalArgumentException(
                    "the tokenizer's " + what + " is " + id + ", but it has only " + tokens + " tokens");
        }
    }

    /** Whether tokenizers of this kind begin a text with their first token unless the file says otherwise. */
    public static boolean beginsTexts(String pre) {
        return WordSplit.named(pre).beginsTexts();
    }

    boolean is(int id, int type) {
        return types != null && types[id] == type;
    }

    /** Whether a token is found in the text before anything else is split. */
    boolean isAdded(int id) {
        return is(id, CONTROL) || is(id, USER_DEFINED) || is(id, UNKNOWN) && scores != null;
    }
}
