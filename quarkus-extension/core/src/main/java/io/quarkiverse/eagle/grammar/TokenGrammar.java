package io.quarkiverse.eagle.grammar;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import io.quarkiverse.eagle.InvalidRequestException;

/**
 * A format over a vocabulary: the states of its automaton, made when a text first comes to them and kept for all texts of this
 * format. One thread decodes with it; making a grammar and taking its {@link #start()} is for any thread.
 */
public final class TokenGrammar {

    /** States and sets of tokens that are kept; with more, all are forgotten and made again. */
    private static final int MOST_STATES = 8192;
    private static final int MOST_SETS = 256;

    /** Stacks after which the next text had better begin with a new grammar. */
    private static final int MANY_FRAMES = 200_000;

    /** Ways to read one text at once; where a schema needs more it is too ambiguous, and the text does not go on that way. */
    private static final int MOST_THREADS = 1024;

    private static final int TABLE_BITS = 11;

    private final Automaton automaton;
    private final TokenTrie trie;
    private final int[] endTokens;
    private final int words;
    private final GrammarState dead = new GrammarState(this, new long[0], false);
    private final Map<Threads, GrammarState> states = new HashMap<>();
    private int sets;

    /** Stacks, shared where they are the same: [frame]: the place to go on at, and the frame below. Frame 0 is empty. */
    private final Map<Long, Integer> frames = new HashMap<>();
    private int[] returns = new int[64];
    private int[] below = new int[64];
    private volatile int frameCount = 1;

    /** What the step in progress has found: in order, and by hash, where entries of another round do not count. */
    private long[] found = new long[64];
    private final long[] table = new long[1 << TABLE_BITS];
    private final int[] marks = new int[table.length];
    private int round = 1;
    private int foundCount;
    private boolean complete;
    private boolean tooMany;
    private final GrammarState start;

    /** Threads as a key. */
    private record Threads(long[] threads, boolean complete) {

        @Override
        public boolean equals(Object other) {
            return other instanceof Threads that && complete == that.complete && Arrays.equals(threads, that.threads);
        }

        @Override
        public int hashCode() {
            return 2 * Arrays.hashCode(threads) + (complete ? 1 : 0);
        }
    }

    TokenGrammar(Automaton automaton, TokenTrie trie, int[] endTokens, int vocabulary) {
        this.automaton = automaton;
        this.trie = trie;
        this.endTokens = endTokens;
        this.words = (vocabulary + 63) / 64;
        close(automaton.start(), 0);
        if (tooMany) {
            throw new InvalidRequestException("the schema is too ambiguous: a document can begin in more than " + MOST_THREADS
                    + " ways; make the alternatives of anyOf fewer");
        }
        this.start = found();
    }

    /** The state of an empty answer. */
    GrammarState start() {
        return start;
    }

    /** Whether it has seen so many different stacks that they are worth throwing away. */
    boolean isWorn() {
        return frameCount > MANY_FRAMES;
    }

    /** Texts on their way hold their own state, from which the others are made again. */
    private void forget() {
        states.values().forEach(GrammarState::forget);
        states.clear();
        sets = 0;
    }

    GrammarState dead() {
        return dead;
    }

    byte[] bytes(int token) {
        return trie.bytes(token);
    }

    boolean isEnd(int token) {
        for (int end : endTokens) {
            if (end == token) {
                return true;
            }
        }
        return false;
    }

    AllowedTokens collect(GrammarState state) {
        if (++sets > MOST_SETS) {
            states.values().forEach(GrammarState::forgetAllowed);
            sets = 1;
        }
        long[] allowed = new long[words];
        trie.collect(state, allowed);
        for (int end : endTokens) {
            allowed[end >> 6] &= ~(1L << end);
            if (state.isComplete()) {
                allowed[end >> 6] |= 1L << end;
            }
        }
        return new AllowedTokens(allowed);
    }

    /** The state after a byte, {@link #dead()} when it cannot follow. */
    GrammarState step(GrammarState from, int value) {
        begin();
        for (long thread : from.threads()) {
            int place = (int) (thread >>> 32);
            if (automaton.set(place).contains(value)) {
                close(automaton.next(place), (int) thread);
            }
        }
        return tooMany || foundCount == 0 && !complete ? dead : found();
    }

    private void begin() {
        round++;
        foundCount = 0;
        complete = false;
        tooMany = false;
    }

    /** Goes on from a place without reading, to all places that read a byte. */
    private void close(int place, int frame) {
        switch (automaton.kind(place)) {
            case BYTE -> find((long) place << 32 | frame);
            case SPLIT -> {
                // A loop may come back to its own split without a byte; found() leaves splits out.
                if (find((long) place << 32 | frame)) {
                    for (int alternative : automaton.split(place)) {
                        close(alternative, frame);
                    }
                }
            }
            case CALL -> {
                int next = automaton.next(place);
                close(automaton.called(place), next == Automaton.RETURN ? frame : frame(next, frame));
            }
            case RETURN -> {
                if (frame == 0) {
                    complete = true;
                } else {
                    close(returns[frame], below[frame]);
                }
            }
        }
    }

    /** False when it was found before. */
    private boolean find(long thread) {
        int slot = (int) (thread * 0x9E3779B97F4A7C15L >>> 64 - TABLE_BITS);
        while (marks[slot] == round) {
            if (table[slot] == thread) {
                return false;
            }
            slot = slot + 1 & table.length - 1;
        }
        if (foundCount == MOST_THREADS) {
            tooMany = true;
            return false;
        }
        if (foundCount == found.length) {
            found = Arrays.copyOf(found, 2 * foundCount);
        }
        table[slot] = thread;
        marks[slot] = round;
        found[foundCount++] = thread;
        return true;
    }

    private int frame(int place, int under) {
        long key = (long) place << 32 | under;
        Integer known = frames.get(key);
        if (known != null) {
            return known;
        }
        if (frameCount == returns.length) {
            returns = Arrays.copyOf(returns, 2 * frameCount);
            below = Arrays.copyOf(below, 2 * frameCount);
        }
        returns[frameCount] = place;
        below[frameCount] = under;
        frames.put(key, frameCount);
        return frameCount++;
    }

    private GrammarState found() {
        int count = 0;
        for (int i = 0; i < foundCount; i++) {
            if (automaton.kind((int) (found[i] >>> 32)) == Automaton.Kind.BYTE) {
                found[count++] = found[i];
            }
        }
        long[] threads = Arrays.copyOf(found, count);
        Arrays.sort(threads);
        Threads key = new Threads(threads, complete);
        GrammarState known = states.get(key);
        if (known == null) {
            if (states.size() == MOST_STATES) {
                forget();
            }
            known = new GrammarState(this, threads, complete);
            states.put(key, known);
        }
        return known;
    }
}
