package io.quarkiverse.eagle.draft;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * Lookahead decoding (arXiv 2402.02057): a window of guesses for the next tokens is refined by Jacobi iteration in the target's
 * own steps, and the n-grams that come out of it are verified when their first token comes up. Needs no draft model; pays with
 * extra rows in every step.
 * <p>
 * The window has {@code W} columns of {@code N-1} levels; level {@code j} of column {@code i} guesses the token {@code i+j+1}
 * places behind the root. Each row sees the first level up to its own column and the levels above it in its column (figure 5
 * of the paper), which is a tree: the first level is a chain below the root, and every column hangs on its first level. So
 * the window and the n-grams are nodes of one ordinary draft tree, and the verifier needs to know nothing of it.
 */
public final class LookaheadDrafter implements Drafter {

    public static final String NAME = "lookahead";

    /**
     * Sizes, W, N and G in the paper's words.
     *
     * @param window columns
     * @param ngram tokens of an n-gram
     * @param guesses most n-grams that a step verifies
     */
    public record Shape(int window, int ngram, int guesses) {

        /** What the authors use for 7B models. */
        public static final Shape PUBLISHED = new Shape(15, 5, 15);

        public Shape {
            if (window < 1 || ngram < 2 || guesses < 1) {
                throw new IllegalArgumentException("a lookahead window of " + window + " columns, n-grams of " + ngram
                        + " tokens and " + guesses + " guesses; they must be at least 1, 2 and 1");
            }
        }

        /** Levels of the window, and tokens of an n-gram behind its first. */
        int levels() {
            return ngram - 1;
        }
    }

    /** Below every guess that an n-gram makes: nodes of the window are there to be read, not to be accepted. */
    private static final float WINDOW_VALUE = -20;

    private final Shape shape;
    private final Slot[] slots;
    private final int[] gram;

    /** The window of the sequence in a slot. */
    private static final class Slot {
        /** Guessed tokens, [level][column]. */
        private final int[][] window;
        /** Nodes of the tree that stand for them, [level][column]. */
        private final int[][] nodes;
        private final NgramPool pool;
        private int columns;
        private int drawn;
        private boolean filled;

        Slot(Shape shape) {
            this.window = new int[shape.levels()][shape.window()];
            this.nodes = new int[shape.levels()][shape.window()];
            this.pool = new NgramPool(shape.ngram(), 2 * shape.guesses());
        }
    }

    public LookaheadDrafter(int slots, Shape shape) {
        this.slots = new Slot[slots];
        this.shape = shape;
        this.gram = new int[shape.ngram()];
    }

    @Override
    public String name() {
        return NAME;
    }

    /** Rows that are not observed are not missed. */
    @Override
    public int begin(Draftable sequence, int heldRows) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(shape);
            slots[sequence.slot()] = slot;
        }
        slot.pool.clear();
        slot.filled = false;
        slot.columns = 0;
        slot.drawn = 0;
        return heldRows;
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        // The window learns from the whole step.
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (!slot.filled) {
                fill(sequence, slot, 0);
                slot.filled = true;
            }
            sequence.tree().clear();
            int most = sequence.budget() == null ? sequence.mostNodes()
                    : Math.min(sequence.mostNodes(), sequence.budget().nodes());
            int share = most / (2 * shape.levels());
            addGuesses(sequence, slot, Math.min(shape.guesses(), share));
            addWindow(sequence.tree(), slot, Math.min(shape.window(), share));
            sequence.tree().candidates(sequence.tree().size());
        }
    }

    /** Fills columns from the given one with tokens of the context: any guess is as good as another at first. */
    private void fill(Draftable sequence, Slot slot, int from) {
        for (int[] level : slot.window) {
            for (int column = from; column < level.length; column++) {
                level[column] = sequence.token(Math.floorMod(++slot.drawn * 0x9E3779B9, sequence.length()));
            }
        }
    }

    /** Adds n-grams that begin with the root's token, newest first; common beginnings share nodes. */
    private void addGuesses(Draftable sequence, Slot slot, int most) {
        int root = sequence.token(sequence.length() - 1);
        DraftTree tree = sequence.tree();
        for (int age = 0, guesses = 0; age < slot.pool.room() && guesses < most; age++) {
            if (!slot.pool.get(root, age, gram)) {
                continue;
            }
            int before = tree.size();
            int node = DraftTree.ROOT;
            for (int i = 1; i < gram.length; i++) {
                int known = tree.child(node, gram[i]);
                node = known >= 0 ? known : tree.add(gram[i], node, -i);
            }
            guesses += tree.size() > before ? 1 : 0;
        }
    }

    private void addWindow(DraftTree tree, Slot slot, int columns) {
        slot.columns = columns;
        int first = DraftTree.ROOT;
        for (int column = 0; column < columns; column++) {
            int node = tree.add(slot.window[0][column], first, WINDOW_VALUE - column);
            first = node;
            slot.nodes[0][column] = node;
            for (int level = 1; level < slot.window.length; level++) {
                node = tree.add(slot.window[level][column], node, WINDOW_VALUE - column - level);
                slot.nodes[level][column] = node;
            }
        }
    }

    @Override
    public boolean readsItsNodes() {
        return true;
    }

    /**
     * Collects the n-grams that the step completed and moves the window on: every level takes the place of the one before it,
     * the step's own tokens become the last level, and columns that the accepted tokens have overtaken go.
     */
    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        Slot slot = slots[sequence.slot()];
        int levels = slot.window.length;
        for (int column = 0; column < slot.columns; column++) {
            int next = result.topId(b, slot.nodes[levels - 1][column] + 1, 0);
            for (int level = 0; level < levels; level++) {
                gram[level] = slot.window[level][column];
            }
            gram[levels] = next;
            slot.pool.add(gram);
            for (int level = 0; level + 1 < levels; level++) {
                slot.window[level][column] = slot.window[level + 1][column];
            }
            slot.window[levels - 1][column] = next;
        }
        int overtaken = Math.min(slot.columns, emitted - 1);
        if (overtaken > 0) {
            for (int[] level : slot.window) {
                System.arraycopy(level, overtaken, level, 0, level.length - overtaken);
            }
            fill(sequence, slot, shape.window() - overtaken);
        }
    }

    @Override
    public void close() {
        Arrays.fill(slots, null);
    }
}
