package io.quarkiverse.eagle.text;

import java.util.Arrays;

/**
 * Turns tokens into text as they come. Gives out only text that later tokens cannot change: never part of a character, and
 * with the space that belongs between a token and the ones before it. Special tokens are left out. Mutable, for one sequence.
 * <p>
 * All pieces together are what {@link Tokenizer#decode} makes of all tokens. Each push decodes a short window: the tokens since
 * the last but one point at which the text ended with a whole character, so that the decoder sees what came before.
 */
public final class IncrementalDetokenizer {

    private static final char REPLACEMENT = '\uFFFD';
    /** A character has at most this many bytes, so a tail that is still broken after as many tokens is not a character. */
    private static final int LONGEST_CHARACTER = 4;
    /** Length of a broken window that is worth cutting. */
    private static final int LONG_WINDOW = 16;

    private final Tokenizer tokenizer;
    private int[] window = new int[32];
    private int size;
    /** How many tokens of the window have been given out as whole characters. */
    private int settled;
    /** Text of the window, and how many of its characters have been given out. */
    private String text = "";
    private int given;
    /** How many tokens in a row left the text with a broken end. */
    private int broken;

    public IncrementalDetokenizer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The text that became certain with this token, which may be empty. */
    public String push(int token) {
        if (tokenizer.silent(token)) {
            return "";
        }
        append(token);
        if (!extend()) {
            return "";
        }
        int certain = certain();
        String piece = text.substring(given, certain);
        given = certain;
        if (certain == text.length()) {
            if (!piece.isEmpty()) {
                settle();
            }
        } else if (size > LONG_WINDOW) {
            cut();
        }
        return piece;
    }

    /** No more tokens will come: gives out what was held back, broken characters as U+FFFD. */
    public String finish() {
        String rest = text.substring(given);
        given = text.length();
        return rest;
    }

    /** For tests: the memory that the longest window needed, in tokens. */
    int windowCapacity() {
        return window.length;
    }

    private void append(int token) {
        if (size == window.length) {
            window = Arrays.copyOf(window, 2 * size);
        }
        window[size++] = token;
    }

    /**
     * Decodes the window with its new token. False while the text contradicts what was given out: a decoder with byte fallback
     * takes a whole run of byte tokens as broken until its last character is whole.
     */
    private boolean extend() {
        String longer = decode(0, size);
        broken = endsBroken(longer) ? broken + 1 : 0;
        if (!longer.startsWith(text.substring(0, given))) {
            if (broken > 0 && broken < LONGEST_CHARACTER) {
                text = text.substring(0, given) + decode(settled, size);
                return false;
            }
            drop(settled);
            given = 0;
            longer = decode(0, size);
        }
        text = longer;
        return true;
    }

    private int certain() {
        if (broken == 0) {
            return text.length();
        }
        int end = text.length() - 1;
        if (broken < LONGEST_CHARACTER) {
            while (end > 0 && text.charAt(end - 1) == REPLACEMENT) {
                end--;
            }
        }
        return Math.max(end, given);
    }

    /** The text ends with a whole character: the next window begins where this one had its new tokens. */
    private void settle() {
        drop(settled);
        settled = size;
        text = decode(0, size);
        given = text.length();
    }

    /** Shortens a window of broken bytes, at a place where the two parts decode to the same text as the whole. */
    private void cut() {
        for (int kept = 1; kept <= LONGEST_CHARACTER; kept++) {
            String tail = decode(size - kept, size);
            int held = text.length() - given;
            if (tail.length() >= held && (decode(0, size - kept) + tail).equals(text)) {
                drop(size - kept);
                text = tail;
                given = tail.length() - held;
                return;
            }
        }
    }

    private void drop(int tokens) {
        System.arraycopy(window, tokens, window, 0, size - tokens);
        size -= tokens;
        settled = Math.max(0, settled - tokens);
    }

    private String decode(int from, int to) {
        return tokenizer.decode(window, from, to, true);
    }

    private static boolean endsBroken(String text) {
        return !text.isEmpty() && text.charAt(text.length() - 1) == REPLACEMENT;
    }
}
