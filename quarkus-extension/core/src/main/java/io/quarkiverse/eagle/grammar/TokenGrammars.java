package io.quarkiverse.eagle.grammar;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.text.TokenBytes;

/**
 * The formats that a model was asked for, as grammars over its vocabulary. The formats asked for last are kept, with what their
 * states have found out. Thread-safe; what it gives out belongs to the decode loop.
 */
public final class TokenGrammars {

    private static final int MOST_KEPT = 16;

    private final Supplier<TokenBytes> tokens;
    private final int[] endTokens;
    private final int vocabulary;
    private final Map<ResponseFormat, TokenGrammar> kept = new LinkedHashMap<>(16, 0.75f, true) {

        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ResponseFormat, TokenGrammar> eldest) {
            return size() > MOST_KEPT;
        }
    };
    private TokenTrie trie;

    /**
     * @param tokens reads the vocabulary, when a format is first asked for
     * @param endTokens tokens that end an answer
     * @param vocabulary width of the engine's logits
     */
    public TokenGrammars(Supplier<TokenBytes> tokens, int[] endTokens, int vocabulary) {
        this.tokens = tokens;
        this.endTokens = endTokens.clone();
        this.vocabulary = vocabulary;
    }

    /**
     * The state in which an answer of this format begins, null for free text.
     *
     * @throws InvalidRequestException the format cannot be kept
     */
    public synchronized GrammarState start(ResponseFormat format) {
        if (format instanceof ResponseFormat.Text) {
            return null;
        }
        TokenGrammar grammar = kept.get(format);
        if (grammar == null || grammar.isWorn()) {
            grammar = new TokenGrammar(automaton(format), trie(), endTokens, vocabulary);
            kept.put(format, grammar);
        }
        return grammar.start();
    }

    private TokenTrie trie() {
        if (trie == null) {
            if (endTokens.length == 0) {
                throw new InvalidRequestException("the model has no token that ends an answer, which a response format needs;"
                        + " build its bundle with one, or ask for text");
            }
            try {
                trie = new TokenTrie(tokens.get());
            } catch (IllegalArgumentException e) {
                throw new InvalidRequestException("the model cannot keep a response format: " + e.getMessage());
            }
        }
        return trie;
    }

    static Automaton automaton(ResponseFormat format) {
        Automaton.Builder rules = new Automaton.Builder();
        int root = rules.declare();
        rules.define(root, form(format, rules, new JsonForms(rules)));
        return rules.build(root);
    }

    private static Form form(ResponseFormat format, Automaton.Builder rules, JsonForms json) {
        if (format instanceof ResponseFormat.Enclosed enclosed) {
            return Form.sequence(Form.text(enclosed.before()), form(enclosed.document(), rules, json),
                    Form.text(enclosed.after()));
        }
        return format instanceof ResponseFormat.JsonSchema schema ? SchemaReader.read(schema.schema(), rules, json)
                : json.anyObject();
    }
}
