package io.quarkiverse.eagle.graph.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Turns the vocabulary of a GGUF file into the {@code tokenizer.json} of Hugging Face's tokenizers library. */
public final class TokenizerJson {

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /** SentencePiece's visible space. */
    private static final String SPACE = "\u2581";

    private final GgufVocabulary vocabulary;

    private TokenizerJson(GgufVocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    /** @throws IllegalArgumentException when the vocabulary is of a kind that cannot be expressed; the message says which */
    public static void write(GgufVocabulary vocabulary, Path file) throws IOException {
        MAPPER.writeValue(file.toFile(), new TokenizerJson(vocabulary).root());
    }

    private ObjectNode root() {
        return switch (vocabulary.model()) {
            case "gpt2" -> byteLevel();
            case "llama" -> sentencePiece();
            default -> throw new IllegalArgumentException("the tokenizer is of the kind " + vocabulary.model()
                    + " (tokenizer.ggml.model); known are gpt2 and llama"
                    + "; use the model's Hugging Face folder, which brings its tokenizer.json");
        };
    }

    private ObjectNode byteLevel() {
        WordSplit split = WordSplit.named(vocabulary.pre());
        ObjectNode decoder = JSON.objectNode().put("type", "ByteLevel").put("add_prefix_space", true)
                .put("trim_offsets", true).put("use_regex", true);
        ObjectNode model = model(split.wholeWordsFirst(), false, unknown(-1));
        ArrayNode merges = model.putArray("merges");
        for (String merge : vocabulary.merges()) {
            int space = merge.indexOf(' ', 1);
            if (space < 0) {
                throw new IllegalArgumentException("the tokenizer's merge \"" + merge + "\" is not two tokens");
            }
            merges.addArray().add(merge.substring(0, space)).add(merge.substring(space + 1));
        }
        return assemble(split.normalizer(), split.preTokenizer(), decoder, model);
    }

    private ObjectNode sentencePiece() {
        ObjectNode normalizer = JSON.objectNode().put("type", "Sequence");
        ArrayNode normalizers = normalizer.putArray("normalizers");
        ObjectNode decoder = JSON.objectNode().put("type", "Sequence");
        ArrayNode decoders = decoder.putArray("decoders");
        if (vocabulary.addSpacePrefix()) {
            normalizers.add(JSON.objectNode().put("type", "Prepend").put("prepend", SPACE));
        }
        normalizers.add(replace(" ", SPACE));
        decoders.add(replace(SPACE, " "));
        decoders.addObject().put("type", "ByteFallback");
        decoders.addObject().put("type", "Fuse");
        if (vocabulary.addSpacePrefix()) {
            decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
        }
        ObjectNode model = model(false, true, unknown(0));
        ArrayNode merges = model.putArray("merges");
        for (ScoredMerges.Merge merge : ScoredMerges.of(vocabulary)) {
            merges.addArray().add(merge.left()).add(merge.right());
        }
        return assemble(normalizer, null, decoder, model);
    }

    private String unknown(int otherwise) {
        int id = vocabulary.unknownId() >= 0 ? vocabulary.unknownId() : otherwise;
        return id < 0 ? null : vocabulary.tokens()[id];
    }

    private static ObjectNode replace(String what, String by) {
        ObjectNode replace = JSON.objectNode().put("type", "Replace");
        replace.putObject("pattern").put("String", what);
        return replace.put("content", by);
    }

    /** All tokens stand in the model's own vocabulary, added ones too: so each keeps its id whatever the order. */
    private ObjectNode model(boolean wholeWordsFirst, boolean bytes, String unknown) {
        ObjectNode model = JSON.objectNode().put("type", "BPE");
        model.putNull("dropout");
        model.put("unk_token", unknown);
        model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
        model.put("fuse_unk", bytes).put("byte_fallback", bytes).put("ignore_merges", wholeWordsFirst);
        ObjectNode ids = model.putObject("vocab");
        String[] tokens = vocabulary.tokens();
        for (int id = 0; id < tokens.length; id++) {
            if (!vocabulary.is(id, GgufVocabulary.UNUSED) && !ids.has(tokens[id])) {
                ids.put(tokens[id], id);
            }
        }
        return model;
    }

    private ObjectNode assemble(ObjectNode normalizer, ObjectNode preTokenizer, ObjectNode decoder, ObjectNode model) {
        ObjectNode root = JSON.objectNode().put("version", "1.0");
        root.putNull("truncation").putNull("padding");
        root.set("added_tokens", addedTokens());
        root.set("normalizer", normalizer);
        root.set("pre_tokenizer", preTokenizer);
        root.set("post_processor", vocabulary.addBos() && vocabulary.bosId() >= 0 ? beginWithBos() : null);
        root.set("decoder", decoder);
        root.set("model", model);
        return root;
    }

    private ArrayNode addedTokens() {
        ArrayNode added = JSON.arrayNode();
        for (int id = 0; id < vocabulary.tokens().length; id++) {
            if (vocabulary.isAdded(id)) {
                added.addObject().put("id", id).put("content", vocabulary.tokens()[id])
                        .put("single_word", false).put("lstrip", false).put("rstrip", false)
                        .put("normalized", false).put("special", !vocabulary.is(id, GgufVocabulary.USER_DEFINED));
            }
        }
        return added;
    }

    private ObjectNode beginWithBos() {
        String bos = vocabulary.tokens()[vocabulary.bosId()];
        ObjectNode template = JSON.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        single.add(special(bos, 0)).add(sequence("A", 0));
        template.putArray("pair").addAll(List.of(special(bos, 0), sequence("A", 0), special(bos, 1), sequence("B", 1)));
        ObjectNode token = template.putObject("special_tokens").putObject(bos).put("id", bos);
        token.putArray("ids").add(vocabulary.bosId());
        token.putArray("tokens").add(bos);
        return template;
    }

    private static ObjectNode special(String token, int typeId) {
        ObjectNode piece = JSON.objectNode();
        piece.putObject("SpecialToken").put("id", token).put("type_id", typeId);
        return piece;
    }

    private static ObjectNode sequence(String id, int typeId) {
        ObjectNode piece = JSON.objectNode();
        piece.putObject("Sequence").put("id", id).put("type_id", typeId);
        return piece;
    }
}
