package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;

/**
 * Decodes known texts again, under speculation: every step is a random tree that hides the text's own continuation among other
 * branches, of which a random part is accepted. Sequences join and leave steps, lie in any slots, and keep their rows wherever
 * the trees left them. Every row on a text's own path must equal the row of plain decoding to the last bit.
 */
final class Replay {

    private static final int MOST_ROWS = 64;
    private static final int[] CHUNKS = { 2, 7, 16, 33, 64 };

    private final Engine target;
    private final Random random;
    private final StepRequest request;
    private final StepResult result;
    private final List<Text> texts = new ArrayList<>();
    private int compared;

    Replay(Engine target, long seed) {
        this.target = target;
        this.random = new Random(seed);
        int slots = target.shape().slots();
        this.request = new StepRequest(target.shape(), slots, slots * MOST_ROWS, 2 * MOST_ROWS);
        this.result = new StepResult(target.shape(), slots * MOST_ROWS, slots * MOST_ROWS);
    }

    /** A text in a slot of its own. */
    private static final class Text {
        private final int[] tokens;
        private final TargetRow[] expected;
        private final int slot;
        private int length;
        private int finalRows;
        private int writtenRows;
        private int[] keep = new int[0];
        private Tree tree;

        Text(int[] tokens, TargetRow[] expected, int slot) {
            this.tokens = tokens;
            this.expected = expected;
            this.slot = slot;
        }

        boolean isComplete() {
            return length == tokens.length;
        }
    }

    /** Nodes below a root, parents before children; row {@code i + 1} of a step is node {@code i}, the root is row 0. */
    private record Tree(int[] tokens, int[] parents, int[] path) {

        int depth(int node) {
            return node < 0 ? 0 : 1 + depth(parents[node]);
        }
    }

    /** @param expected the rows of plain decoding, by position */
    void add(int[] tokens, TargetRow[] expected, int slot) {
        texts.add(new Text(tokens, expected, slot));
    }

    /** Runs until all texts are decoded; the number of rows that were compared. */
    int run() {
        while (texts.stream().anyMatch(text -> !text.isComplete())) {
            cycle();
        }
        return compared;
    }

    private void cycle() {
        List<Text> running = texts.stream().filter(text -> !text.isComplete()).filter(text -> random.nextInt(4) > 0).toList();
        if (running.isEmpty()) {
            return;
        }
        int first = running.stream().mapToInt(text -> text.slot).min().orElseThrow();
        int batch = running.stream().mapToInt(text -> text.slot).max().orElseThrow() - first + 1;
        boolean plain = random.nextInt(5) == 0;
        int rows = 1;
        int keep = 0;
        for (Text text : running) {
            text.tree = plain ? new Tree(new int[0], new int[0], new int[0]) : tree(text);
            rows = Math.max(rows, 1 + text.tree.tokens.length);
            keep = Math.max(keep, text.keep.length);
        }
        rows = Math.max(rows, (Engine.MIN_ROWS + batch - 1) / batch);
        request.begin(first, batch, rows, keep, keep + rows, rows);
        for (Text text : texts) {
            if (text.slot >= first && text.slot < first + batch) {
                request.windowStart(text.slot - first, text.writtenRows);
            }
        }
        for (Text text : running) {
            write(text, text.slot - first, keep);
        }
        Steps.await(target.step(request, result));
        for (Text text : running) {
            accept(text, text.slot - first, keep, rows);
        }
    }

    /** A chunk of the text itself, or a random tree with the text's continuation hidden in it. */
    private Tree tree(Text text) {
        int left = text.tokens.length - text.length - 1;
        if (random.nextInt(2) == 0) {
            return chain(text, Math.min(left, CHUNKS[random.nextInt(CHUNKS.length)] - 1));
        }
        int truth = Math.min(left, random.nextInt(7));
        int size = truth + random.nextInt(MOST_ROWS - truth);
        boolean[] isTrue = new boolean[size];
        for (int i = 0; i < truth; i++) {
            isTrue[i] = true;
        }
        shuffle(isTrue);
        int[] tokens = new int[size];
        int[] parents = new int[size];
        int[] path = new int[truth];
        int found = 0;
        for (int node = 0; node < size; node++) {
            if (isTrue[node]) {
                parents[node] = found == 0 ? -1 : path[found - 1];
                tokens[node] = text.tokens[text.length + 1 + found];
                path[found++] = node;
            } else {
                parents[node] = random.nextInt(node + 1) - 1;
                tokens[node] = random.nextInt(target.shape().vocabulary());
            }
        }
        return new Tree(tokens, parents, path);
    }

    private static Tree chain(Text text, int length) {
        int[] tokens = Arrays.copyOfRange(text.tokens, text.length + 1, text.length + 1 + length);
        int[] path = new int[length];
        int[] parents = new int[length];
        for (int i = 0; i < length; i++) {
            path[i] = i;
            parents[i] = i - 1;
        }
        return new Tree(tokens, parents, path);
    }

    private void shuffle(boolean[] values) {
        for (int i = values.length - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            boolean value = values[i];
            values[i] = values[other];
            values[other] = value;
        }
    }

    private void write(Text text, int b, int keep) {
        request.windowStart(b, text.finalRows);
        for (int i = 0; i < text.keep.length; i++) {
            request.keepRow(b, i, text.keep[i]);
        }
        Tree tree = text.tree;
        for (int node = -1; node < tree.tokens.length; node++) {
            int row = node + 1;
            request.row(b, row, node < 0 ? text.tokens[text.length] : tree.tokens[node], text.length + tree.depth(node));
            for (int kept = 0; kept < text.keep.length; kept++) {
                request.see(b, row, kept);
            }
            for (int ancestor = node; ancestor >= 0; ancestor = tree.parents[ancestor]) {
                request.see(b, row, keep + tree.parents[ancestor] + 1);
            }
        }
    }

    private void accept(Text text, int b, int keep, int rows) {
        int[] path = text.tree.path;
        for (int i = 0; i <= path.length; i++) {
            int row = i == 0 ? 0 : path[i - 1] + 1;
            int position = text.length + i;
            String difference = TargetRow.of(result, b, row).differenceFrom(text.expected[position]);
            assertThat(difference).as("slot %d, position %d, row %d of %d in a batch of %d with %d kept rows", text.slot,
                    position, row, rows, result.batch(), keep).isEmpty();
            compared++;
        }
        int accepted = 1 + random.nextInt(path.length + 1);
        int base = text.finalRows + keep;
        text.writtenRows = base + rows;
        boolean gapless = text.keep.length == keep;
        text.finalRows += text.keep.length;
        int contiguous = 0;
        // Rows that lie where they belong may be taken as they are, or kept like the others.
        if (gapless && random.nextBoolean()) {
            while (contiguous < accepted && (contiguous == 0 || path[contiguous - 1] == contiguous - 1)) {
                contiguous++;
            }
            text.finalRows += contiguous;
        }
        text.keep = new int[accepted - contiguous];
        for (int i = contiguous; i < accepted; i++) {
            text.keep[i - contiguous] = base + (i == 0 ? 0 : path[i - 1] + 1);
        }
        text.length += accepted;
    }
}
