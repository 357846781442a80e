package io.quarkiverse.eagle.runtime.devui;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntFunction;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.RecordedCycle;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * A generation that the Dev UI watches. The decode loop copies a cycle's tree before it hands over the cycle's tokens, so the
 * tree is there when the first of them arrives; its texts are looked up then, on the thread that the tokens come on.
 */
final class WatchedGeneration implements CycleListener {

    private final IntFunction<String> text;
    private final Queue<RecordedCycle> cycles = new ConcurrentLinkedQueue<>();
    private int number;
    private int left;

    /** @param text the text of a token */
    WatchedGeneration(IntFunction<String> text) {
        this.text = text;
    }

    @Override
    public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
        cycles.add(RecordedCycle.of(root, tree, accepted, emitted, emittedCount));
    }

    /** What to tell of the next token. */
    ShownStep step(GeneratedToken token) {
        return new ShownStep(token.text(), cycle(token), token.last() ? answer(token.result()) : null, null);
    }

    /** The first token comes from the prompt's own step, and what ends a generation between cycles is no token. */
    private ShownCycle cycle(GeneratedToken token) {
        if (token.index() == 0 || token.id() < 0) {
            return null;
        }
        ShownCycle begun = null;
        if (left == 0) {
            RecordedCycle next = cycles.remove();
            left = next.emitted().length;
            begun = shown(next);
        }
        left--;
        return begun;
    }

    private ShownCycle shown(RecordedCycle cycle) {
        List<ShownCycle.Node> nodes = new ArrayList<>();
        for (int node = 0; node < cycle.tokens().length; node++) {
            int token = cycle.tokens()[node];
            nodes.add(new ShownCycle.Node(text.apply(token), token, cycle.parents()[node], cycle.percent(node),
                    cycle.isAccepted(node)));
        }
        return new ShownCycle(++number, text.apply(cycle.root()), nodes, cycle.candidates(),
                Arrays.stream(cycle.emitted()).mapToObj(text).toList());
    }

    private static ShownStep.ShownAnswer answer(GenerationResult result) {
        return new ShownStep.ShownAnswer(result.finishReason().json(), result.drafter(), result.completionTokens(),
                result.cycles(), result.tau(), result.tokensPerSecond());
    }
}
