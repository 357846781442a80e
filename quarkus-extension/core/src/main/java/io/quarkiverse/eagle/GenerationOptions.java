package io.quarkiverse.eagle;

import java.time.Duration;
import java.util.List;
import java.util.Objects;

/**
 * How a request is decoded. Immutable; start from {@link #defaults()} and change what you need:
 * {@code GenerationOptions.defaults().withTemperature(0.8).withSeed(7)}.
 *
 * @param maxTokens most tokens to generate; 0 for as many as the model gives when nothing is said
 * @param temperature 0 decodes greedily; otherwise logits are divided by it before sampling
 * @param topK keep the k most probable tokens, 0 keeps all
 * @param topP keep the smallest set of most probable tokens with at least this mass, 1 keeps all
 * @param minP drop tokens less probable than this share of the most probable one, 0 drops none
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens already seen (prompt and answer), 1 is
 *        off
 * @param presencePenalty subtracted once from the logit of every token already generated, 0 is off
 * @param frequencyPenalty subtracted from a token's logit once per time it was generated, 0 is off
 * @param seed makes sampling repeatable: the same seed gives the same text with any drafter or none, but for
 *        {@link Acceptance#REJECTION}, where it repeats itself alone; null draws a seed
 * @param stop strings that end the answer; the answer stops before them
 * @param logprobs how many alternatives with log-probabilities to report per token, 0 for none
 * @param drafter name of the drafter, null for the model's default
 * @param budget a fixed draft-tree budget, null lets the budget adapt
 * @param deadline time after which generation ends with {@link FinishReason#DEADLINE}, null for none
 * @param acceptance how drafted tokens are accepted, null for the model's default; {@link Acceptance#REJECTION} is refused with
 *        another drafter than {@code speculative}
 * @param format what the answer has to look like
 */
public record GenerationOptions(int maxTokens, double temperature, int topK, double topP, double minP,
        double repetitionPenalty, double presencePenalty, double frequencyPenalty, Long seed, List<String> stop,
        int logprobs, String drafter, TreeBudget budget, Duration deadline, Acceptance acceptance,
        ResponseFormat format) {

    private static final GenerationOptions DEFAULTS = new GenerationOptions(0, 0, 0, 1, 0, 1, 0, 0, null, List.of(), 0,
            null, null, null, null, ResponseFormat.text());

    public GenerationOptions {
        stop = List.copyOf(Objects.requireNonNull(stop, "stop"));
        Objects.requireNonNull(format, "format");
        require(maxTokens >= 0, "max tokens is " + maxTokens + "; it must be at least 1");
        require(temperature >= 0 && Double.isFinite(temperature),
                "temperature is " + temperature + "; it must be 0 (greedy) or a positive number");
        require(topK >= 0, "top-k is " + topK + "; it must be 0 (off) or positive");
        require(topP > 0 && topP <= 1, "top-p is " + topP + "; it must be above 0 and at most 1");
        require(minP >= 0 && minP < 1, "min-p is " + minP + "; it must be at least 0 and below 1");
        require(repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
                "repetition penalty is " + repetitionPenalty + "; it must be positive (1 is off)");
        require(Double.isFinite(presencePenalty), "presence penalty is " + presencePenalty + "; it must be a number");
        require(Double.isFinite(frequencyPenalty), "frequency penalty is " + frequencyPenalty + "; it must be a number");
        require(logprobs >= 0 && logprobs <= 20, "logprobs is " + logprobs + "; it must be between 0 and 20");
        for (String s : stop) {
            require(!s.isEmpty(), "a stop string is empty; remove it");
        }
        require(deadline == null || (!deadline.isNegative() && !deadline.isZero()),
                "deadline is " + deadline + "; it must be positive");
    }

    /** Greedy, the model's default number of tokens and drafter, an adaptive budget. */
    public static GenerationOptions defaults() {
        return DEFAULTS;
    }

    public boolean greedy() {
        return temperature == 0;
    }

    public boolean hasPenalties() {
        return repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0;
    }

    /** @param value at least 1 */
    public GenerationOptions withMaxTokens(int value) {
        require(value >= 1, "max tokens is " + value + "; it must be at least 1");
        return new GenerationOptions(value, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withTemperature(double value) {
        return new GenerationOptions(maxTokens, value, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withTopK(int value) {
        return new GenerationOptions(maxTokens, temperature, value, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withTopP(double value) {
        return new GenerationOptions(maxTokens, temperature, topK, value, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withMinP(double value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, value, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withPenalties(double repetition, double presence, double frequency) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetition, presence, frequency, seed, stop,
                logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withSeed(Long value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, value, stop, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withStop(List<String> value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, value, logprobs, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withLogprobs(int value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, value, drafter, budget, deadline, acceptance, format);
    }

    public GenerationOptions withDrafter(String value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, value, budget, deadline, acceptance, format);
    }

    public GenerationOptions withBudget(TreeBudget value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, value, deadline, acceptance, format);
    }

    public GenerationOptions withDeadline(Duration value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, value, acceptance, format);
    }

    public GenerationOptions withAcceptance(Acceptance value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, value, format);
    }

    public GenerationOptions withFormat(ResponseFormat value) {
        return new GenerationOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty,
                frequencyPenalty, seed, stop, logprobs, drafter, budget, deadline, acceptance, value);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new InvalidRequestException(message);
        }
    }
}
