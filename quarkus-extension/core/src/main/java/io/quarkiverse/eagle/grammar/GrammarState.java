package io.quarkiverse.eagle.grammar;

/**
 * Where an answer stands in its grammar: all that may follow depends on this alone. Belongs to the decode loop's thread; what
 * it
 * found out about bytes and tokens is kept for whoever comes here again.
 */
public final class GrammarState {

    private static final GrammarState[] UNKNOWN = {};

    private final TokenGrammar grammar;
    /** Places that wait for a byte, with their stacks: {@code place << 32 | frame}, ascending. */
    private final long[] threads;
    private final boolean complete;
    /** [256] once a byte was asked for: null for unknown, {@link TokenGrammar#dead()} for impossible. */
    private GrammarState[] next = UNKNOWN;
    private AllowedTokens allowed;

    GrammarState(TokenGrammar grammar, long[] threads, boolean complete) {
        this.grammar = grammar;
        this.threads = threads;
        this.complete = complete;
    }

    long[] threads() {
        return threads;
    }

    /** Whether the answer may end here. */
    public boolean isComplete() {
        return complete;
    }

    /** The state after a byte, or null when it cannot follow. */
    GrammarState afterByte(int value) {
        if (next == UNKNOWN) {
            next = new GrammarState[256];
        }
        GrammarState[] known = next;
        GrammarState after = known[value];
        if (after == null) {
            after = grammar.step(this, value);
            known[value] = after;
        }
        return after == grammar.dead() ? null : after;
    }

    /** The state after a token, or null when it cannot follow, or ends the answer. */
    public GrammarState after(int token) {
        byte[] bytes = grammar.isEnd(token) ? null : grammar.bytes(token);
        if (bytes == null || bytes.length == 0) {
            return null;
        }
        GrammarState state = this;
        for (int i = 0; i < bytes.length && state != null; i++) {
            state = state.afterByte(bytes[i] & 0xFF);
        }
        return state;
    }

    /** Whether a token can follow, the answer's end included. */
    public boolean allows(int token) {
        if (allowed != null) {
            return allowed.contains(token);
        }
        return grammar.isEnd(token) ? complete : after(token) != null;
    }

    /** All tokens that can follow, the end included. */
    public AllowedTokens allowed() {
        if (allowed == null) {
            allowed = grammar.collect(this);
        }
        return allowed;
    }

    /** How many tokens can follow; -1 while nobody has asked for {@link #allowed()}, which is dearer than a few tokens. */
    public int count() {
        return allowed == null ? -1 : allowed.size();
    }

    /** Lets go of the set of tokens, which is made again when it is wanted. */
    void forgetAllowed() {
        allowed = null;
    }

    /** Lets go of everything that can be found out again. */
    void forget() {
        allowed = null;
        next = UNKNOWN;
    }
}
