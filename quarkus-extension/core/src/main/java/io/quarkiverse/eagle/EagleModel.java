package io.quarkiverse.eagle;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * A language model that decodes with EAGLE-2 speculative decoding. The text is exactly what plain decoding of the same
 * engine gives; drafting only changes the speed. ({@link Acceptance#REJECTION}, where it is asked for, keeps the distribution
 * of sampled text alone.) Thread-safe.
 */
public interface EagleModel {

    /** The model's name, as its bundle gives it. */
    String name();

    /**
     * Streams the answer as it is decoded. Cold: every subscription is a generation of its own. Tokens are only handed over on
     * request; a consumer that stops asking pauses its own generation, never another's. Cancelling frees the model's slot at
     * the next cycle. Fails with {@link InvalidRequestException} before any work when the request cannot be served, and with
     * {@link OverloadedException} when it cannot be served now.
     */
    Multi<GeneratedToken> stream(GenerationRequest request);

    /** The whole answer at once; the same errors as {@link #stream}. */
    Uni<GenerationResult> generate(GenerationRequest request);
}
