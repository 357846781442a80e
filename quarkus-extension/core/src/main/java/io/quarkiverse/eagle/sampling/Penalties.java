package io.quarkiverse.eagle.sampling;

import io.quarkiverse.eagle.GenerationOptions;

/**
 * Repetition, presence and frequency penalties with the counts that they need. The repetition penalty looks at prompt and
 * answer, the other two at the answer only. A penalised logit is rounded to float, as if the engine had given it.
 */
final class Penalties {

    private static final int IN_PROMPT = 1;
    private static final int ONE_GENERATED = 2;

    private final double repetition;
    private final double presence;
    private final double frequency;
    /** [vocabulary]: bit 0 says that the prompt has the token, the bits above count how often it was generated. */
    private final int[] seen;

    Penalties(GenerationOptions options, int vocabulary) {
        this.repetition = options.repetitionPenalty();
        this.presence = options.presencePenalty();
        this.frequency = options.frequencyPenalty();
        this.seen = new int[vocabulary];
    }

    void observePrompt(int token) {
        seen[token] |= IN_PROMPT;
    }

    void observeGenerated(int token) {
        seen[token] += ONE_GENERATED;
    }

    /** Takes {@link #observeGenerated} back. */
    void forgetGenerated(int token) {
        seen[token] -= ONE_GENERATED;
    }

    /** True when no logit can rise, whatever the context: then the tokens outside the top k stay below it. */
    boolean onlyLower() {
        return repetition >= 1 && presence >= 0 && frequency >= 0;
    }

    float apply(int token, float logit) {
        int s = seen[token];
        if (s == 0) {
            return logit;
        }
        double x = logit > 0 ? logit / repetition : logit * repetition;
        int generated = s >>> 1;
        if (generated > 0) {
            x -= presence + frequency * generated;
        }
        return (float) x;
    }
}
