package io.quarkiverse.eagle.decode;

import java.time.Duration;

/**
 * What one request, and one tenant, may take of a model. Immutable; start from {@link #NONE}.
 *
 * @param promptTokens most tokens of a prompt; 0 for as many as the model can read
 * @param tokens most tokens that a request may ask for; 0 for any number
 * @param defaultTokens most tokens of a request that does not say, never more than {@code tokens}
 * @param running generations of one tenant that run at once, parked ones included; further ones wait and let others pass. 0 for
 *        any number
 * @param waiting requests of one tenant that may wait; further ones are refused. 0 for any number
 * @param parking how long a generation whose consumer does not ask keeps a slot that nobody waits for; null for ever
 * @param abandonment how long a consumer may take nothing of what waits for it before its generation ends; null for ever
 */
public record RequestLimits(int promptTokens, int tokens, int defaultTokens, int running, int waiting, Duration parking,
        Duration abandonment) {

    public static final int DEFAULT_TOKENS = 256;

    /** Any request of any tenant. */
    public static final RequestLimits NONE = new RequestLimits(0, 0, DEFAULT_TOKENS, 0, 0, null, null);

    public RequestLimits {
        requireCount("max prompt tokens", promptTokens, 0);
        requireCount("max tokens", tokens, 0);
        requireCount("default max tokens", defaultTokens, 1);
        requireCount("tenant limit", running, 0);
        requireCount("tenant queue limit", waiting, 0);
        requirePositive("parking timeout", parking);
        requirePositive("abandonment timeout", abandonment);
        defaultTokens = tokens == 0 ? defaultTokens : Math.min(defaultTokens, tokens);
    }

    /** The same with limits of a request's tokens. */
    public RequestLimits withTokens(int mostOfPrompt, int most, int whenNotSaid) {
        return new RequestLimits(mostOfPrompt, most, whenNotSaid, running, waiting, parking, abandonment);
    }

    /** The same with limits of a tenant. */
    public RequestLimits withTenants(int mostRunning, int mostWaiting) {
        return new RequestLimits(promptTokens, tokens, defaultTokens, mostRunning, mostWaiting, parking, abandonment);
    }

    /** The same with limits of consumers that do not ask. */
    public RequestLimits withIdleConsumers(Duration keepsSlot, Duration keepsGeneration) {
        return new RequestLimits(promptTokens, tokens, defaultTokens, running, waiting, keepsSlot, keepsGeneration);
    }

    private static void requireCount(String name, int value, int least) {
        if (value < least) {
            throw new IllegalArgumentException(name + " is " + value + "; it must be at least " + least);
        }
    }

    private static void requirePositive(String name, Duration value) {
        if (value != null && (value.isNegative() || value.isZero())) {
            throw new IllegalArgumentException(name + " is " + value + "; it must be positive");
        }
    }
}
