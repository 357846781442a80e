package io.quarkiverse.eagle.graph.tokenizer;

import java.util.List;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** How byte-level tokenizers split text into the words within which they merge. */
enum WordSplit {

    /** GPT-2's own pattern, which the ByteLevel step has built in. */
    GPT2 {
        @Override
        ObjectNode preTokenizer() {
            return byteLevel(true);
        }
    },

    /** Every digit alone, then GPT-2's pattern. */
    DIGITS {
        @Override
        ObjectNode preTokenizer() {
            ObjectNode digits = JSON.objectNode().put("type", "Digits").put("individual_digits", true);
            return sequence(digits, byteLevel(true));
        }
    },

    /** The pattern of LLaMA 3: up to three digits together. */
    LLAMA3 {
        @Override
        ObjectNode preTokenizer() {
            return sequence(split(pattern("\\p{N}{1,3}")), byteLevel(false));
        }

        @Override
        boolean wholeWordsFirst() {
            return true;
        }

        @Override
        boolean beginsTexts() {
            return true;
        }
    },

    /** The pattern of Qwen2: every digit alone, after composing characters. */
    QWEN2 {
        @Override
        ObjectNode preTokenizer() {
            return sequence(split(pattern("\\p{N}")), byteLevel(false));
        }

        @Override
        ObjectNode normalizer() {
            return JSON.objectNode().put("type", "NFC");
        }
    };

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /** The rule by the name that GGUF files give it. */
    static WordSplit named(String pre) {
        return switch (pre) {
            case "default", "gpt-2", "gpt2" -> GPT2;
            case "smollm", "starcoder", "refact", "codeshell" -> DIGITS;
            case "llama-bpe", "llama-v3", "llama3", "smaug-bpe" -> LLAMA3;
            case "qwen2", "deepseek-r1-qwen" -> QWEN2;
            default -> throw new IllegalArgumentException("the tokenizer splits words by the rule " + pre
                    + " (tokenizer.ggml.pre); known are smollm, llama-bpe, qwen2 and gpt-2"
                    + "; use the model's Hugging Face folder, which brings its tokenizer.json");
        };
    }

    abstract ObjectNode preTokenizer();

    /** What happens to the text first, or null. */
    ObjectNode normalizer() {
        return null;
    }

    /** Whether a word that is a token is that token, whatever the merges say. */
    boolean wholeWordsFirst() {
        return false;
    }

    /** Whether such tokenizers begin a text with a token by default. */
    boolean beginsTexts() {
        return false;
    }

    private static String pattern(String numbers) {
        return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + numbers
                + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }

    private static ObjectNode split(String pattern) {
        ObjectNode split = JSON.objectNode().put("type", "Split");
        split.putObject("pattern").put("Regex", pattern);
        return split.put("behavior", "Isolated").put("invert", false);
    }

    private static ObjectNode byteLevel(boolean gpt2Pattern) {
        return JSON.objectNode().put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true)
                .put("use_regex", gpt2Pattern);
    }

    private static ObjectNode sequence(ObjectNode... steps) {
        ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
        sequence.putArray("pretokenizers").addAll(List.of(steps));
        return sequence;
    }
}
