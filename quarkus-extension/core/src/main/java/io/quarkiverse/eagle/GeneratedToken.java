package io.quarkiverse.eagle;

import java.util.List;

/**
 * One generated token.
 *
 * @param index 0 for the first token of the answer
 * @param id token id; -1 when the generation ended without a token: at its deadline, abandoned or with the model
 * @param text the text that became certain with this token; empty while a character or a possible stop string is
 *        incomplete, and for the token that ends the answer
 * @param logprob natural log-probability of the token under the model before temperature and filters; NaN when not asked
 *        for
 * @param alternatives the most probable tokens at this place when asked for, else empty
 * @param result set on the last token only: the whole generation
 */
public record GeneratedToken(int index, int id, String text, float logprob, List<Alternative> alternatives,
        GenerationResult result) {

    /** A token that could have stood here, with its natural log-probability. */
    public record Alternative(int id, float logprob) {
    }

    /** True for the last token of the answer. */
    public boolean last() {
        return result != null;
    }
}
