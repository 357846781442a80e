package io.quarkiverse.eagle.toy;

import java.util.Arrays;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.sampling.CounterRandom;

/**
 * A language whose next token depends on every token before it and on their order: a prefix is a hash, and the hash decides the
 * logits. One changed, missing or misplaced token anywhere gives another text.
 *
 * @param vocabulary number of tokens
 * @param endToken the token that ends an answer, -1 when answers never end by themselves
 * @param endBias added to the end token's logit
 */
public record ToyLanguage(int vocabulary, int endToken, float endBias) {

    /** The prefix of no tokens. */
    public static final long START = 0x5DEECE66DL;

    private static final double SPREAD = 2.2;

    private static final long[] TOKENS = IntStream.range(0, 64).mapToLong(ToyLanguage::tokenBits).toArray();

    /** Letters a to k, and an end token that never comes unasked. */
    public static ToyLanguage endless() {
        return new ToyLanguage(12, 11, -1000);
    }

    /** Letters a to k; an answer ends after a dozen tokens or so. */
    public static ToyLanguage ending() {
        return new ToyLanguage(12, 11, -0.5f);
    }

    /** The pieces of JSON that the tokenizer {@code json} knows, in any order; an answer ends where its grammar lets it. */
    public static ToyLanguage jsonPieces() {
        return new ToyLanguage(52, 51, 0);
    }

    /** The prefix with one more token. */
    public static long extend(long prefix, int token) {
        return mix(prefix * 31 + token + 1);
    }

    /** The prefix of these tokens. */
    public static long prefix(int... tokens) {
        long prefix = START;
        for (int token : tokens) {
            prefix = extend(prefix, token);
        }
        return prefix;
    }

    /** {@code [vocabulary]}: the logits of the token after a prefix. */
    public float[] logits(long prefix) {
        float[] logits = new float[vocabulary];
        for (int token = 0; token < vocabulary; token++) {
            logits[token] = (float) (SPREAD * bell(prefix, token)) + (token == endToken ? endBias : 0);
        }
        return logits;
    }

    /** {@code [vocabulary]}: logits that are wrong by a bell curve of this width, another for every prefix and token. */
    public float[] logits(long prefix, double noise) {
        float[] logits = logits(prefix);
        for (int token = 0; token < vocabulary; token++) {
            logits[token] += (float) (noise * bell(~prefix, token));
        }
        return logits;
    }

    /** {@code [vocabulary]}: the probabilities of the token after a prefix, at temperature 1. */
    public double[] probabilities(long prefix) {
        float[] logits = logits(prefix);
        double logZ = logZ(logits);
        return IntStream.range(0, vocabulary).mapToDouble(token -> Math.exp(logits[token] - logZ)).toArray();
    }

    /** The tokens in descending order of their logits, ties by lowest id. */
    public static int[] descending(float[] logits) {
        int[] order = new int[logits.length];
        for (int token = 0; token < order.length; token++) {
            int place = token;
            while (place > 0 && logits[order[place - 1]] < logits[token]) {
                order[place] = order[place - 1];
                place--;
            }
            order[place] = token;
        }
        return order;
    }

    public static double logZ(float[] logits) {
        double best = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            best = Math.max(best, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - best);
        }
        return best + Math.log(sum);
    }

    /** What greedy decoding says after a prompt: so many tokens, fewer when the end token comes, which is the last one then. */
    public int[] greedy(int[] prompt, int tokens) {
        return answer(prompt, tokens, (logits, position) -> descending(logits)[0]);
    }

    /** What a seed draws at temperature 1. */
    public int[] seeded(int[] prompt, int tokens, long seed) {
        return answer(prompt, tokens, (logits, position) -> {
            double u = CounterRandom.u(seed, position);
            double logZ = logZ(logits);
            double sum = 0;
            int[] order = descending(logits);
            for (int token : order) {
                sum += Math.exp(logits[token] - logZ);
                if (sum > u) {
                    return token;
                }
            }
            return order[order.length - 1];
        });
    }

    private interface Choice {
        int token(float[] logits, int position);
    }

    private int[] answer(int[] prompt, int tokens, Choice choice) {
        int[] all = Arrays.copyOf(prompt, prompt.length + tokens);
        long prefix = prefix(prompt);
        for (int position = prompt.length; position < all.length; position++) {
            all[position] = choice.token(logits(prefix), position);
            if (all[position] == endToken) {
                return Arrays.copyOfRange(all, prompt.length, position + 1);
            }
            prefix = extend(prefix, all[position]);
        }
        return Arrays.copyOfRange(all, prompt.length, all.length);
    }

    /** Roughly a standard normal number: the sum of four uniform ones. */
    static double bell(long prefix, int token) {
        long bits = mix(prefix ^ (token < TOKENS.length ? TOKENS[token] : tokenBits(token)));
        double sum = (bits & 0xFFFF) + (bits >>> 16 & 0xFFFF) + (bits >>> 32 & 0xFFFF) + (bits >>> 48);
        return (sum / 0x10000 - 2) * Math.sqrt(3);
    }

    private static long tokenBits(int token) {
        return mix(token + 0x9E3779B97F4A7C15L);
    }

    static long mix(long z) {
        z = (z ^ (z >>> 32)) * 0xD6E8FEB86659FD93L;
        z = (z ^ (z >>> 32)) * 0xD6E8FEB86659FD93L;
        return z ^ (z >>> 32);
    }
}
