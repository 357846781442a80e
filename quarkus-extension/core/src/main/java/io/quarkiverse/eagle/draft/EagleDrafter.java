package io.quarkiverse.eagle.draft;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.tree.DynamicDraftTree;

/**
 * EAGLE-2 (arXiv 2406.16858): a draft head reads the target's features and proposes a dynamic tree. Each cycle first extends
 * over the tokens accepted last, with the target's true features; the last of these rows gives the first level. Then the nodes
 * of highest value are expanded level by level, one engine step per level for all sequences.
 */
public final class EagleDrafter implements Drafter {

    public static final String NAME = "eagle2";

    /** Levels that an adaptive tree may have. */
    private static final int DEEPEST = 10;

    private final Engine engine;
    private final SpeculationEconomy economy;
    private final Slot[] slots;
    private final StepRequest request;
    private final StepResult[] results = new StepResult[2];
    private final float[] ranked = new float[SpeculationEconomy.MOST_CANDIDATES];
    private final float[] frontier = new float[32];
    private final int[] levelOffsets = new int[DEEPEST + 8];

    /** What the drafter knows of the sequence in a slot. */
    private static final class Slot {
        /** Final rows in the draft's pool. */
        private int rows;
        /** Rows that wait for their step: the next token, and the feature before it. */
        private final int[] tokens;
        private final FloatBuffer features;
        private int pending;
        /** The row of the last extension whose output the first level descends from. */
        private int lastRow;
        private final DynamicDraftTree tree = new DynamicDraftTree();
        private boolean growing;
        private int nodes = 8;
        private double promised;
        private double spent;
        private int batch;
        private boolean drafted;

        Slot(int capacity, int featureSize) {
            this.tokens = new int[capacity];
            this.features = ByteBuffer.allocateDirect(capacity * featureSize * Float.BYTES).order(ByteOrder.nativeOrder())
                    .asFloatBuffer();
        }
    }

    /** @param economy decides the budget of sequences that fix none */
    public EagleDrafter(Engine engine, SpeculationEconomy economy) {
        this.engine = engine;
        this.economy = economy;
        EngineShape shape = engine.shape();
        this.slots = new Slot[shape.slots()];
        int levelRows = shape.topK() * shape.slots();
        int rows = shape.maxRows() * shape.slots();
        this.request = new StepRequest(shape, shape.slots(), rows,
                Math.max(shape.maxRows(), levelOffsets.length * shape.topK()));
        for (int i = 0; i < results.length; i++) {
            results[i] = new StepResult(shape, rows, Math.max(Engine.MIN_ROWS, levelRows));
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public void begin(Draftable sequence) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(engine.shape().maxRows(), engine.shape().featureSize());
            slots[sequence.slot()] = slot;
        }
        slot.rows = 0;
        slot.pending = 0;
        slot.drafted = false;
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        Slot slot = slots[sequence.slot()];
        if (slot.pending == slot.tokens.length) {
            extend(List.of(sequence));
        }
        int width = engine.shape().featureSize();
        slot.tokens[slot.pending] = nextToken;
        slot.features.put(slot.pending * width, result.features(), result.featureOffset(b, row), width);
        slot.pending++;
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        int adaptive = 0;
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
            slots[sequence.slot()].drafted = false;
            if (sequence.budget() == null) {
                adaptive++;
            }
        }
        if (adaptive == sequences.size() && !economy.draftsNow()) {
            return;
        }
        StepResult result = extend(sequences);
        double spent = economy.draft().at(2);
        firstLevel(sequences, result);
        int level = 1;
        int window = 0;
        while (true) {
            int rows = closeLevel(sequences, level, spent);
            if (rows == 0) {
                break;
            }
            levelOffsets[level - 1] = window;
            window += rows;
            result = expand(sequences, rows, window, level, result);
            spent += economy.draft().at(Math.max(Engine.MIN_ROWS, rows * sequences.size()));
            level++;
        }
        for (Draftable sequence : sequences) {
            select(sequence, sequences.size(), spent);
        }
    }

    /** Runs the waiting rows of every sequence; afterwards they are final, and their last row's outputs are in the result. */
    private StepResult extend(List<? extends Draftable> sequences) {
        int first = firstSlot(sequences);
        int batch = lastSlot(sequences) - first + 1;
        int rows = Engine.MIN_ROWS;
        for (Draftable sequence : sequences) {
            rows = Math.max(rows, slots[sequence.slot()].pending);
        }
        request.begin(first, batch, rows, 0, rows, 1);
        parkIdleSlots(first, batch);
        int width = engine.shape().featureSize();
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int b = sequence.slot() - first;
            request.windowStart(b, slot.rows);
            for (int t = 0; t < slot.pending; t++) {
                request.row(b, t, slot.tokens[t], slot.rows + t);
                request.feature(b, t, slot.features, t * width);
                for (int seen = 0; seen < t; seen++) {
                    request.see(b, t, seen);
                }
            }
            request.outputRow(b, 0, slot.pending - 1);
        }
        StepResult result = Steps.await(engine.step(request, results[0]));
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            slot.rows += slot.pending;
            slot.lastRow = slot.pending - 1;
            slot.pending = 0;
        }
        return result;
    }

    /** Slots that take no part write behind their own rows. */
    private void parkIdleSlots(int first, int batch) {
        for (int b = 0; b < batch; b++) {
            Slot slot = slots[first + b];
            request.windowStart(b, slot == null ? 0 : slot.rows);
        }
    }

    private void firstLevel(List<? extends Draftable> sequences, StepResult result) {
        int first = firstSlot(sequences);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            slot.drafted = true;
            slot.growing = true;
            slot.tree.begin();
            int topK = topK(sequence);
            for (int i = 0; i < topK; i++) {
                slot.tree.addToRoot(result.topId(sequence.slot() - first, 0, i),
                        result.topLogit(sequence.slot() - first, 0, i));
            }
        }
    }

    private int topK(Draftable sequence) {
        int most = engine.shape().topK();
        return sequence.budget() == null ? most : Math.min(most, sequence.budget().topK());
    }

    /**
     * Closes the level drafted last and decides which sequences go deeper.
     *
     * @return rows per sequence of the next level's step, 0 when no sequence goes on
     */
    private int closeLevel(List<? extends Draftable> sequences, int level, double spent) {
        int rows = 0;
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (!slot.growing) {
                continue;
            }
            TreeBudget budget = sequence.budget();
            int expansion = budget != null ? topK(sequence) : economy.expansion(slot.nodes, topK(sequence));
            int size = slot.tree.nextFrontier(expansion);
            slot.growing = budget != null ? level < budget.depth()
                    : level < DEEPEST && goesDeeper(slot, size, sequences.size(), spent);
            if (slot.growing) {
                rows = Math.max(rows, size);
            }
        }
        return rows;
    }

    private boolean goesDeeper(Slot slot, int size, int batch, double spent) {
        int count = slot.tree.rankedValues(ranked);
        for (int i = 0; i < size; i++) {
            frontier[i] = slot.tree.frontierValue(i);
        }
        return economy.anotherLevelPays(ranked, count, frontier, size, batch, spent);
    }

    /**
     * Runs the frontiers of all growing sequences through the head: each row sees the final rows, its ancestors and itself, and
     * reads its parent's output as feature.
     */
    private StepResult expand(List<? extends Draftable> sequences, int rows, int window, int level, StepResult before) {
        int first = firstSlot(sequences);
        int batch = lastSlot(sequences) - first + 1;
        int padded = batch * rows < Engine.MIN_ROWS ? Engine.MIN_ROWS : rows;
        int columns = window - rows + padded;
        request.begin(first, batch, padded, 0, columns, padded);
        parkIdleSlots(first, batch);
        for (int b = 0; b < batch; b++) {
            request.writeOffset(b, columns - padded);
        }
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (!slot.growing) {
                continue;
            }
            int b = sequence.slot() - first;
            for (int t = 0; t < slot.tree.frontierSize(); t++) {
                request.row(b, t, slot.tree.frontierToken(t), slot.rows + level - 1);
                // The first level's parent is the root, whose output is the extension's only wanted row.
                int parentRow = level == 1 ? slot.lastRow : slot.tree.parentPlace(t);
                request.feature(b, t, before.features(), before.featureOffset(b, parentRow));
                slot.tree.seeAncestors(request, b, t, t, levelOffsets);
            }
        }
        StepResult result = Steps.await(engine.step(request, results[before == results[0] ? 1 : 0]));
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (slot.growing) {
                addChildren(sequence, slot, result, sequence.slot() - first);
            }
        }
        return result;
    }

    private void addChildren(Draftable sequence, Slot slot, StepResult result, int b) {
        int topK = topK(sequence);
        for (int t = 0; t < slot.tree.frontierSize(); t++) {
            for (int i = 0; i < topK; i++) {
                slot.tree.addToFrontier(t, result.topId(b, t, i), result.topLogit(b, t, i));
            }
        }
        if (topK > 1) {
            economy.sawConfidence(result.topLogit(b, 0, 0), result.topLogit(b, 0, 1));
        }
    }

    private void select(Draftable sequence, int batch, double spent) {
        Slot slot = slots[sequence.slot()];
        slot.spent = spent;
        slot.batch = batch;
        int nodes;
        if (sequence.budget() != null) {
            nodes = sequence.budget().nodes();
            slot.promised = 0;
        } else {
            int count = slot.tree.rankedValues(ranked);
            nodes = economy.choose(ranked, count, batch, spent);
            slot.promised = economy.promised(ranked, nodes);
            slot.nodes = nodes;
        }
        slot.tree.select(Math.min(nodes, sequence.mostNodes()), sequence.tree());
    }

    @Override
    public void verified(Draftable sequence, int emitted) {
        Slot slot = slots[sequence.slot()];
        if (slot.drafted && sequence.budget() == null) {
            economy.learn(slot.promised, emitted, slot.spent, sequence.tree().size(), slot.batch);
        }
    }

    private static int firstSlot(List<? extends Draftable> sequences) {
        int first = Integer.MAX_VALUE;
        for (Draftable sequence : sequences) {
            first = Math.min(first, sequence.slot());
        }
        return first;
    }

    private static int lastSlot(List<? extends Draftable> sequences) {
        int last = 0;
        for (Draftable sequence : sequences) {
            last = Math.max(last, sequence.slot());
        }
        return last;
    }

    @Override
    public void close() {
        engine.close();
    }
}
