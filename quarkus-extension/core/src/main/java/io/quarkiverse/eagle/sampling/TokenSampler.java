package io.quarkiverse.eagle.sampling;

import java.util.Objects;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.AllowedTokens;
import io.quarkiverse.eagle.grammar.GrammarState;

/**
 * Decides the tokens of one sequence. A decision depends on nothing but the row, the context observed so far, the options, the
 * seed and the position, and not on whether the row's full logits happen to be there: speculative and plain decoding decide
 * the same.
 * <p>
 * Order: penalties on the raw logits (repetition over prompt and answer, then presence and frequency over the answer), out with
 * the tokens that a grammar forbids, temperature, top-k, top-p, min-p, and one draw by inverse CDF over the kept tokens in
 * descending-logit order, ties by lowest id, with the uniform number that {@link CounterRandom} has for the position. Min-p is
 * relative to the most probable token after temperature. Greedy takes the best logit, after penalties, of an allowed token.
 * <p>
 * Mutable, for one thread at a time. Allocates nothing once its buffers have grown.
 */
public final class TokenSampler {

    /** {@link #sample} cannot decide without the full logits of the row. */
    public static final int NEEDS_LOGITS = -1;

    /** Streams of the seed beside its own, which {@link #sample} draws with. */
    private static final int ACCEPTING = 1;
    private static final int DRAFTING = 2;

    private final long seed;
    private final int vocabulary;
    private final Filter filter;
    private final Penalties penalties;
    private final TopDraw topDraw;
    private FullDraw fullDraw;
    /** Where the answer stands in its grammar; null without one, and behind the answer's end. */
    private GrammarState state;

    /** A sampler of free text. */
    public TokenSampler(GenerationOptions options, long seed, int vocabulary) {
        this(options, seed, vocabulary, null);
    }

    /**
     * @param seed the seed in effect; {@code options.seed()} is not looked at
     * @param vocabulary width of the engine's logits
     * @param start where the answer begins in its grammar, null for free text
     */
    public TokenSampler(GenerationOptions options, long seed, int vocabulary, GrammarState start) {
        Objects.requireNonNull(options, "options");
        if (vocabulary < 1) {
            throw new IllegalArgumentException("vocabulary is " + vocabulary + "; it must be at least 1");
        }
        this.seed = seed;
        this.vocabulary = vocabulary;
        this.filter = options.greedy() ? null : Filter.of(options, vocabulary);
        this.penalties = options.hasPenalties() ? new Penalties(options, vocabulary) : null;
        this.topDraw = new TopDraw(filter, penalties, vocabulary);
        this.state = start;
    }

    /** Takes {@code tokens[from…to)} as part of the prompt. */
    public void observePrompt(int[] tokens, int from, int to) {
        if (penalties != null) {
            for (int i = from; i < to; i++) {
                penalties.observePrompt(tokens[i]);
            }
        }
    }

    /** Takes a token as part of the answer, for the decisions after it. */
    public void accept(int token) {
        if (penalties != null) {
            penalties.observeGenerated(token);
        }
        if (state != null) {
            state = state.after(token);
        }
    }

    /** Where the answer stands in its grammar; null without one, and behind the answer's end. */
    public GrammarState state() {
        return state;
    }

    /**
     * The token that follows output row {@code r} of sequence {@code b}. Penalties that can raise a logit (a repetition penalty
     * below 1, a negative presence or frequency penalty) always need the full logits; the others only where the top k leaves
     * a doubt.
     *
     * @param position index of the token to decide, in prompt and answer together
     * @return the token, or {@link #NEEDS_LOGITS} when only the full logits can tell and the result does not have the row's
     * @throws EngineException the row's best logit is not a finite number
     */
    public int sample(StepResult result, int b, int r, long position) {
        if (state != null) {
            return sampleAllowed(result, b, r, position, state);
        }
        if (filter == null && penalties == null) {
            return result.topId(b, r, 0);
        }
        double u = filter == null ? 0 : CounterRandom.u(seed, position);
        int token = topDrawDecides() ? topDraw.token(result, b, r, u, null) : NEEDS_LOGITS;
        return token == NEEDS_LOGITS && result.hasLogits(b, r) ? fullDraw().token(result, b, r, u, null) : token;
    }

    /**
     * As {@link #sample}, for a token further on: what comes between is given, and is not accepted by this.
     *
     * @param between tokens after the last accepted one, {@code between[0…count)}
     */
    public int sampleAfter(int[] between, int count, StepResult result, int b, int r, long position) {
        GrammarState now = state;
        try {
            for (int i = 0; i < count && state != null; i++) {
                state = state.after(between[i]);
            }
            return sample(result, b, r, position);
        } finally {
            state = now;
        }
    }

    private int sampleAllowed(StepResult result, int b, int r, long position, GrammarState at) {
        if (filter == null && penalties == null) {
            int top = Math.min(result.shape().topK(), vocabulary);
            for (int i = 0; i < top; i++) {
                if (at.allows(result.topId(b, r, i))) {
                    return result.topId(b, r, i);
                }
            }
        }
        double u = filter == null ? 0 : CounterRandom.u(seed, position);
        int token = topDrawDecides() ? topDraw.token(result, b, r, u, at) : NEEDS_LOGITS;
        if (token != NEEDS_LOGITS) {
            return token;
        }
        // The whole set costs more than the few tokens that were asked about, and leaves less in doubt.
        AllowedTokens allowed = at.allowed();
        if (allowed.size() < 2) {
            return onlyOne(allowed);
        }
        if (result.hasLogits(b, r)) {
            return fullDraw().token(result, b, r, u, allowed);
        }
        return topDrawDecides() ? topDraw.token(result, b, r, u, at) : NEEDS_LOGITS;
    }

    private static int onlyOne(AllowedTokens allowed) {
        if (allowed.size() == 0) {
            throw new InvalidRequestException("no token of the model goes on in the response format: it asks for characters"
                    + " that the model's tokens do not have, or can be read in too many ways at once; make its alternatives"
                    + " differ earlier, or use another model");
        }
        return allowed.next(0);
    }

    private boolean topDrawDecides() {
        return penalties == null || penalties.onlyLower();
    }

    private FullDraw fullDraw() {
        if (fullDraw == null) {
            fullDraw = new FullDraw(filter, penalties, vocabulary);
        }
        return fullDraw;
    }

    /**
     * What the token that follows output row {@code r} of sequence {@code b} is drawn from. The top k is enough where a cut
     * surely ends within it; where the tail has a share, the full logits are needed. Not for greedy decoding, nor with a
     * grammar.
     *
     * @param drafted tokens before it that are not accepted (yet); penalties count them as part of the answer
     * @param count how many they are
     * @param into is filled
     * @return false when the result lacks the full logits of the row
     * @throws EngineException the row's best logit is not a finite number
     */
    public boolean distribution(StepResult result, int b, int r, int[] drafted, int count, TokenDistribution into) {
        if (penalties == null) {
            return distribution(result, b, r, into);
        }
        for (int i = 0; i < count; i++) {
            penalties.observeGenerated(drafted[i]);
        }
        try {
            return distribution(result, b, r, into);
        } finally {
            for (int i = 0; i < count; i++) {
                penalties.forgetGenerated(drafted[i]);
            }
        }
    }

    private boolean distribution(StepResult result, int b, int r, TokenDistribution into) {
        if (topDrawDecides() && topDraw.distribution(result, b, r, into)) {
            return true;
        }
        if (!result.hasLogits(b, r)) {
            return false;
        }
        fullDraw().distribution(result, b, r, into);
        return true;
    }

    /** The uniform number that {@link #sample} draws with at a position. */
    public double number(long position) {
        return CounterRandom.u(seed, position);
    }

    /** The uniform number that decides whether a drafted token is accepted at a position. */
    public double acceptanceNumber(long position) {
        return CounterRandom.u(CounterRandom.stream(seed, ACCEPTING), position);
    }

    /**
     * The uniform number that a draft draws a token with. Another cycle has another number for the same position: a number
     * that a decision may have depended on is not used again.
     *
     * @param root index of the first token of the cycle
     * @param position index of the token to draw
     */
    public double draftNumber(int root, int position) {
        return CounterRandom.u(CounterRandom.stream(seed, DRAFTING), (long) root << 32 | position);
    }

    /**
     * Log-probability of a token in nats under the row's own distribution: before penalties, temperature and cuts. NaN when the
     * token is outside the top k and the result has no full logits.
     */
    public float logprob(StepResult result, int b, int r, int token) {
        int top = Math.min(result.shape().topK(), vocabulary);
        for (int i = 0; i < top; i++) {
            if (result.topId(b, r, i) == token) {
                return result.topLogit(b, r, i) - result.logZ(b, r);
            }
        }
        if (!result.hasLogits(b, r)) {
            return Float.NaN;
        }
        return result.logits().get(result.logitsOffset(b, r) + token) - result.logZ(b, r);
    }

    static double requireFinite(double best, int b, int r) {
        if (!Double.isFinite(best)) {
            throw new EngineException("the best logit of output row " + r + " of sequence " + b + " is " + best
                    + "; it must be a finite number: the engine's graph overflows or its weights are damaged");
        }
        return best;
    }
}
