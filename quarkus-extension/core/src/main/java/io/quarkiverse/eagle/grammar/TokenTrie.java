package io.quarkiverse.eagle.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.text.TokenBytes;

/**
 * A vocabulary's tokens by their bytes, as a prefix tree in depth-first order: who finds a byte impossible jumps over
 * everything
 * that begins with it. Immutable.
 */
final class TokenTrie {

    private final TokenBytes tokens;
    /** [nodes]: the byte that leads to a node, unsigned. */
    private byte[] bytes = new byte[1024];
    /** [nodes]: bytes from the root, 1 at least. */
    private int[] depths = new int[1024];
    /** [nodes]: the first node that does not lie below this one. */
    private int[] ends = new int[1024];
    /** [nodes]: the first token that ends here, -1 for none. */
    private int[] firstTokens = new int[1024];
    /** [vocabulary]: the next token of the same bytes, -1 for none. */
    private final int[] twins;
    private int size;
    private int deepest;

    TokenTrie(TokenBytes tokens) {
        this.tokens = tokens;
        this.twins = new int[tokens.size()];
        int[] order = IntStream.range(0, tokens.size()).filter(token -> tokens.of(token) != null && tokens.of(token).length > 0)
                .boxed().sorted(Comparator.comparing(tokens::of, Arrays::compareUnsigned)).mapToInt(Integer::intValue)
                .toArray();
        int[] path = new int[1 + Arrays.stream(order).map(token -> tokens.of(token).length).max().orElse(0)];
        byte[] before = {};
        for (int token : order) {
            byte[] now = tokens.of(token);
            int common = Arrays.mismatch(before, now);
            common = common < 0 ? now.length : common;
            for (int depth = before.length; depth > common; depth--) {
                ends[path[depth]] = size;
            }
            for (int depth = common + 1; depth <= now.length; depth++) {
                path[depth] = add(now[depth - 1], depth);
            }
            twins[token] = firstTokens[path[now.length]];
            firstTokens[path[now.length]] = token;
            before = now;
        }
        for (int depth = before.length; depth > 0; depth--) {
            ends[path[depth]] = size;
        }
    }

    private int add(byte value, int depth) {
        if (size == bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * size);
            depths = Arrays.copyOf(depths, 2 * size);
            ends = Arrays.copyOf(ends, 2 * size);
            firstTokens = Arrays.copyOf(firstTokens, 2 * size);
        }
        bytes[size] = value;
        depths[size] = depth;
        firstTokens[size] = -1;
        deepest = Math.max(deepest, depth);
        return size++;
    }

    /** The bytes of a token, or null for one that is not text. */
    byte[] bytes(int token) {
        return token < tokens.size() ? tokens.of(token) : null;
    }

    /** Sets the bits of all tokens whose bytes can follow a state. */
    void collect(GrammarState from, long[] allowed) {
        GrammarState[] path = new GrammarState[deepest + 1];
        path[0] = from;
        int node = 0;
        while (node < size) {
            GrammarState next = path[depths[node] - 1].afterByte(bytes[node] & 0xFF);
            if (next == null) {
                node = ends[node];
                continue;
            }
            path[depths[node]] = next;
            for (int token = firstTokens[node]; token >= 0; token = twins[token]) {
                allowed[token >> 6] |= 1L << token;
            }
            node++;
        }
    }
}
