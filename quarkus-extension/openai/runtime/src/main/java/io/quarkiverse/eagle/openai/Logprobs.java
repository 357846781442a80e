package io.quarkiverse.eagle.openai;

import java.nio.charset.StandardCharsets;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** Writes log-probabilities of tokens, natural logarithms, in the form of a chat or of a text completion. */
final class Logprobs {

    private static final String INCOMPLETE = "\uFFFD";

    private final AnswerForm form;
    private final SpeculativeModel model;
    /** Alternatives per token; -1 for no log-probabilities. */
    private final int alternatives;

    Logprobs(CompletionCall call) {
        this.form = call.form();
        this.model = call.model().model();
        this.alternatives = call.logprobs();
    }

    /**
     * What belongs under {@code logprobs}; JSON null where none were asked for.
     *
     * @param tokens the tokens of the answer or of a chunk; those that end the answer are left out
     * @param offset characters of the answer before them
     */
    JsonNode json(List<GeneratedToken> tokens, int offset) {
        if (alternatives < 0) {
            return NullNode.getInstance();
        }
        List<GeneratedToken> shown = tokens.stream()
                .filter(token -> token.id() >= 0 && !model.manifest().eosIds().contains(token.id())).toList();
        return form == AnswerForm.CHAT ? chat(shown) : text(shown, offset);
    }

    private ObjectNode chat(List<GeneratedToken> tokens) {
        ObjectNode logprobs = JsonNodeFactory.instance.objectNode();
        ArrayNode content = logprobs.putArray("content");
        for (GeneratedToken token : tokens) {
            ObjectNode entry = entry(content, token.id(), token.logprob());
            ArrayNode top = entry.putArray("top_logprobs");
            alternatives(token).forEach(other -> entry(top, other.id(), other.logprob()));
        }
        logprobs.putNull("refusal");
        return logprobs;
    }

    private ObjectNode entry(ArrayNode list, int id, float logprob) {
        String text = model.text(id);
        ObjectNode entry = list.addObject().put("token", text).put("logprob", logprob);
        if (text.contains(INCOMPLETE)) {
            entry.putNull("bytes"); // a part of a character: its bytes cannot be told from the text
        } else {
            ArrayNode bytes = entry.putArray("bytes");
            for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
                bytes.add(one & 0xFF);
            }
        }
        return entry;
    }

    private ObjectNode text(List<GeneratedToken> tokens, int offset) {
        ObjectNode logprobs = JsonNodeFactory.instance.objectNode();
        ArrayNode texts = logprobs.putArray("tokens");
        ArrayNode values = logprobs.putArray("token_logprobs");
        ArrayNode tops = logprobs.putArray("top_logprobs");
        ArrayNode offsets = logprobs.putArray("text_offset");
        int at = offset;
        for (GeneratedToken token : tokens) {
            texts.add(model.text(token.id()));
            values.add(token.logprob());
            ObjectNode top = tops.addObject();
            alternatives(token).forEach(other -> top.put(model.text(other.id()), other.logprob()));
            offsets.add(at);
            at += token.text().length();
        }
        return logprobs;
    }

    private List<GeneratedToken.Alternative> alternatives(GeneratedToken token) {
        return token.alternatives().subList(0, Math.min(alternatives, token.alternatives().size()));
    }
}
