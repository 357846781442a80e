package io.quarkiverse.eagle.chat;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * An answer while it comes: tells which cycle brought each token, and how fast they come. The decode loop says how many tokens
 * a cycle brought before it hands them over, so that number is there when its tokens arrive. Cycles come on the decode loop's
 * thread, tokens one after the other on others.
 */
final class LiveAnswer implements CycleListener {

    private final Queue<Integer> lengths = new ConcurrentLinkedQueue<>();
    private int cycle;
    private int left;
    private long firstAt;

    @Override
    public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        lengths.add(emittedCount);
    }

    /** The event for the next token. */
    AnswerEvent event(GeneratedToken token) {
        if (token.index() == 0) {
            firstAt = System.nanoTime();
        } else if (token.id() >= 0) {
            if (left == 0) {
                cycle++;
                left = lengths.remove();
            }
            left--;
        }
        return token.last() ? last(token.text(), token.result())
                : new AnswerEvent(token.text(), cycle, token.index() + 1, perCycle(token.index()), perSecond(token.index()),
                        null, null);
    }

    private AnswerEvent last(String text, GenerationResult result) {
        return new AnswerEvent(text, cycle, result.completionTokens(), result.tau(), result.tokensPerSecond(),
                result.finishReason().json(), null);
    }

    /** τ counts whole cycles; the running one is as long as its tokens that are here. */
    private double perCycle(int tokens) {
        return cycle == 0 ? 0 : tokens / (double) cycle;
    }

    private double perSecond(int tokens) {
        return tokens == 0 ? 0 : tokens * 1e9 / Math.max(1, System.nanoTime() - firstAt);
    }
}
