package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.DraftedTree;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.TreeRequest;
import io.quarkiverse.eagle.tree.DynamicDraftTree;

/**
 * EAGLE-2 (arXiv 2406.16858): a draft head reads the target's features and proposes a dynamic tree. Each cycle first extends
 * over the tokens accepted last, with the target's true features; the last of these rows gives the first level. Then the nodes
 * of highest value are expanded level by level, one engine step per level for all sequences. An engine that is far away does
 * all of it in one
 * request, where it can; then the levels of an adaptive tree are decided before it is drafted, from how deep the trees before
 * it should have been.
 * <p>
 * With a {@link StaticTree} it is EAGLE (arXiv 2401.15077): the same head and the same steps, but the shape is given and every
 * cycle has it.
 */
public final class EagleDrafter implements Drafter {

    public static final String NAME = "eagle2";

    /** Levels that an adaptive tree may have. */
    private static final int DEEPEST = 10;

    /** Rows of an extension that one cycle may have brought; more are prompts, or what a pause has left. */
    private static final int USUAL_EXTENSION = 6;

    /** The static tree's drafter. */
    public static final String STATIC_NAME = "eagle";

    private final String name;
    private final DraftHead head;
    private final SpeculationEconomy economy;
    private final StaticTree shape;
    private final Slot[] slots;
    private final float[] ranked = new float[SpeculationEconomy.MOST_CANDIDATES];
    private final float[] frontier = new float[32];
    private final int[] levelOffsets = new int[DraftHead.MOST_LEVELS];
    private final int[] expanded;
    private int lastBatch = 1;

    /** The tree of the sequence in a slot. */
    private static final class Slot {
        private final DynamicDraftTree tree = new DynamicDraftTree();
        /** Candidates that stand for the nodes of a static tree. */
        private final int[] candidates;
        private boolean growing;
        private int nodes = 8;
        private final StepShare share = new StepShare();
        private boolean drafted;
        private final ChosenPath chosen = new ChosenPath();
        private final LevelForecast forecast = new LevelForecast(DEEPEST - 1);

        Slot(int staticNodes) {
            this.candidates = new int[staticNodes];
        }
    }

    /** @param economy decides the budget of sequences that fix none */
    public EagleDrafter(Engine engine, SpeculationEconomy economy) {
        this(new DraftHead(engine, economy.draft()), economy);
    }

    EagleDrafter(DraftHead head, SpeculationEconomy economy) {
        this(NAME, head, economy, null);
    }

    /** A drafter whose trees all have this shape. */
    EagleDrafter(DraftHead head, StaticTree shape) {
        this(STATIC_NAME, head, null, shape);
    }

    private EagleDrafter(String name, DraftHead head, SpeculationEconomy economy, StaticTree shape) {
        this.name = name;
        this.head = head;
        this.economy = economy;
        this.shape = shape;
        this.slots = new Slot[head.shape().slots()];
        this.expanded = new int[shape == null ? head.shape().topK() : shape.size()];
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int begin(Draftable sequence, int heldRows) {
        prepare(sequence);
        return head.begin(sequence, heldRows);
    }

    @Override
    public int begin(Draftable sequence, int heldRows, int source) {
        prepare(sequence);
        return head.begin(sequence, heldRows, source);
    }

    @Override
    public int holds(int slot, Draftable sequence, int rows) {
        return head.holds(slot, sequence, rows);
    }

    private void prepare(Draftable sequence) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(shape == null ? 0 : shape.size());
            slots[sequence.slot()] = slot;
        }
        slot.drafted = false;
    }

    @Override
    public void forget() {
        head.forget();
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        head.observe(sequence, result, b, row, nextToken,
                rows -> economy == null || sequence.budget() != null || economy.isWorthFollowing(rows, lastBatch));
        slots[sequence.slot()].chosen.chose(nextToken);
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        int adaptive = 0;
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (economy != null && slot.drafted && sequence.budget() == null) {
                slot.chosen.teach(economy, sequence.tree());
            }
            sequence.tree().clear();
            slot.drafted = false;
            if (sequence.budget() == null) {
                adaptive++;
            }
        }
        lastBatch = sequences.size();
        if (shape == null && adaptive == sequences.size() && !economy.draftsNow(sequences.size())) {
            return;
        }
        List<? extends Draftable> followed = followed(sequences);
        if (followed.isEmpty()) {
            return;
        }
        double spent = shape == null && head.draftsTrees() ? growAtOnce(followed) : growByLevels(followed);
        int most = shape == null && sequences.size() > 1 ? chooseForAll(followed, sequences.size(), spent) : 0;
        for (Draftable sequence : followed) {
            select(sequence, sequences.size(), spent, most);
        }
        StepShare.complete(followed, sequences.size(), sequence -> slots[sequence.slot()].share);
    }

    private int chooseForAll(List<? extends Draftable> sequences, int batch, double spent) {
        economy.beginChoice();
        for (Draftable sequence : sequences) {
            if (sequence.budget() == null) {
                economy.offer(ranked, slots[sequence.slot()].tree.rankedValues(ranked));
            }
        }
        return economy.chooseForAll(batch, spent);
    }

    /** The sequences that the head can draft for: nearly always all. */
    private List<? extends Draftable> followed(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            if (!head.follows(sequence)) {
                return sequences.stream().filter(head::follows).toList();
            }
        }
        return sequences;
    }

    /** @return seconds that the steps cost */
    private double growByLevels(List<? extends Draftable> sequences) {
        double read = head.takeSpent();
        int extension = head.extensionRows(sequences);
        StepResult result = head.extend(sequences);
        double spent = charged(read, head.takeSpent(), extension, sequences);
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
            spent += head.takeSpent();
            level++;
        }
        return spent;
    }

    /**
     * What an extension costs this cycle. Prompts, and what was said while drafting paused, are read once for many cycles.
     *
     * @param read seconds of reading before this extension
     */
    private double charged(double read, double extension, int rows, List<? extends Draftable> sequences) {
        if (economy == null) {
            return extension;
        }
        double usual = Math.min(extension, head.cost(sequences, Math.min(rows, USUAL_EXTENSION)));
        return usual + economy.paysOff(read + extension - usual);
    }

    /**
     * Grows the trees of all sequences in one request.
     *
     * @return seconds that it took
     */
    private double growAtOnce(List<? extends Draftable> sequences) {
        int first = DraftHead.firstSlot(sequences);
        TreeRequest request = head.beginTree(sequences);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int levels = sequence.budget() != null ? sequence.budget().depth() - 1 : slot.forecast.levels();
            request.sequence(sequence.slot() - first, topK(sequence), expansion(sequence), levels);
        }
        if (request.levels() == 0) {
            return growByLevels(sequences);
        }
        double paid = economy.paysOff(head.takeSpent());
        DraftedTree drafted = head.draftTree(sequences);
        double spent = economy.draft().at(Engine.MIN_ROWS);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            slot.drafted = true;
            slot.forecast.begin();
            slot.tree.begin();
            slot.chosen.begin();
            for (int i = 0; i < topK(sequence); i++) {
                addFirst(slot, drafted.topId(sequence.slot() - first, 0, i),
                        drafted.topLogit(sequence.slot() - first, 0, i));
            }
        }
        int row = 1;
        for (int level = 1; level <= request.levels(); level++) {
            for (Draftable sequence : sequences) {
                int b = sequence.slot() - first;
                if (request.size(b, level) > 0) {
                    takeLevel(sequence, drafted, b, row, request.size(b, level), sequences.size(), spent);
                }
            }
            row += request.rows(level);
            spent += economy.draft().at(Math.max(Engine.MIN_ROWS, request.rows(level) * sequences.size()));
        }
        for (Draftable sequence : sequences) {
            if (sequence.budget() == null) {
                Slot slot = slots[sequence.slot()];
                judge(slot, slot.tree.nextFrontier(expansion(sequence)), sequences.size(), spent);
                slot.forecast.learn();
            }
        }
        return paid + head.spentOnTree(spent);
    }

    /** Takes over which nodes were expanded, in the rows from {@code row} on, and their children. */
    private void takeLevel(Draftable sequence, DraftedTree drafted, int b, int row, int size, int batch, double spent) {
        Slot slot = slots[sequence.slot()];
        for (int t = 0; t < size; t++) {
            expanded[t] = drafted.expanded(b, row + t);
        }
        slot.tree.chooseFrontier(expanded, size);
        if (sequence.budget() == null) {
            judge(slot, size, batch, spent);
        }
        int topK = topK(sequence);
        for (int t = 0; t < size; t++) {
            for (int i = 0; i < topK; i++) {
                slot.tree.addToFrontier(t, drafted.topId(b, row + t, i), drafted.topLogit(b, row + t, i));
            }
        }
        if (topK > 1) {
            economy.sawConfidence(drafted.topLogit(b, row, 0), drafted.topLogit(b, row, 1));
        }
    }

    /** Whether a tree that asks before every level would have expanded the frontier. */
    private void judge(Slot slot, int size, int batch, double spent) {
        slot.forecast.judge(slot.forecast.open() && goesDeeper(slot, size, batch, spent));
    }

    private int expansion(Draftable sequence) {
        int topK = topK(sequence);
        return sequence.budget() != null ? topK : economy.expansion(slots[sequence.slot()].nodes, topK);
    }

    private void firstLevel(List<? extends Draftable> sequences, StepResult result) {
        int first = DraftHead.firstSlot(sequences);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            slot.drafted = true;
            slot.growing = true;
            // Nodes of a static tree are found by their places, so none may be left out.
            slot.tree.begin(shape == null ? sequence.grammar() : null);
            slot.chosen.begin();
            int topK = topK(sequence);
            for (int i = 0; i < topK; i++) {
                addFirst(slot, result.topId(sequence.slot() - first, 0, i),
                        result.topLogit(sequence.slot() - first, 0, i));
            }
        }
    }

    private static void addFirst(Slot slot, int token, float value) {
        if (slot.tree.addToRoot(token, value)) {
            slot.chosen.first(token, value);
        }
    }

    private int topK(Draftable sequence) {
        int most = head.shape().topK();
        return shape != null || sequence.budget() == null ? most : Math.min(most, sequence.budget().topK());
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
            if (shape != null) {
                int wanted = closeStaticLevel(slot, level);
                slot.growing = wanted > 0;
                rows = Math.max(rows, wanted);
                continue;
            }
            TreeBudget budget = sequence.budget();
            int size = slot.tree.nextFrontier(expansion(sequence));
            slot.growing = size > 0 && (budget != null ? level < budget.depth()
                    : level < DEEPEST && goesDeeper(slot, size, sequences.size(), spent));
            if (slot.growing) {
                rows = Math.max(rows, size);
            }
        }
        return rows;
    }

    /** Finds the level's nodes of a static tree among the candidates; those with children are the next frontier. */
    private int closeStaticLevel(Slot slot, int level) {
        int count = 0;
        for (int node = 0; node < shape.size(); node++) {
            if (shape.depth(node) == level) {
                int parent = shape.parent(node);
                int siblings = parent < 0 ? 0 : slot.tree.place(slot.candidates[parent]) * head.shape().topK();
                slot.candidates[node] = slot.tree.levelStart() + siblings + shape.rank(node);
                if (shape.isExpanded(node)) {
                    expanded[count++] = slot.candidates[node];
                }
            }
        }
        return slot.tree.chooseFrontier(expanded, count);
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
        int first = DraftHead.firstSlot(sequences);
        StepRequest request = head.beginLevel(sequences, rows, window);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (!slot.growing) {
                continue;
            }
            int b = sequence.slot() - first;
            for (int t = 0; t < slot.tree.frontierSize(); t++) {
                request.row(b, t, slot.tree.frontierToken(t), head.rows(sequence) + level - 1);
                // The first level's parent is the root, whose output is the extension's only wanted row.
                int parentRow = level == 1 ? head.lastRow(sequence) : slot.tree.parentPlace(t);
                request.feature(b, t, before.features(), before.featureOffset(b, parentRow));
                slot.tree.seeAncestors(request, b, t, t, levelOffsets);
            }
        }
        StepResult result = head.runLevel(before);
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
        if (economy != null && topK > 1) {
            economy.sawConfidence(result.topLogit(b, 0, 0), result.topLogit(b, 0, 1));
        }
    }

    /** @param most nodes of each sequence in a batch of several that adapts */
    private void select(Draftable sequence, int batch, double spent, int most) {
        Slot slot = slots[sequence.slot()];
        slot.share.chose(0, spent);
        if (shape != null) {
            int wanted = sequence.budget() == null ? shape.size() : Math.min(shape.size(), sequence.budget().nodes());
            slot.tree.take(slot.candidates, Math.min(wanted, sequence.mostNodes()), sequence.tree());
            return;
        }
        int nodes;
        if (sequence.budget() != null) {
            nodes = sequence.budget().nodes();
        } else {
            int count = slot.tree.rankedValues(ranked);
            nodes = batch == 1 ? economy.choose(ranked, count, batch, spent) : Math.min(most, count);
            slot.share.chose(economy.promised(ranked, nodes), spent);
            slot.nodes = nodes;
        }
        slot.tree.select(Math.min(nodes, sequence.mostNodes()), sequence.tree());
    }

    /** Seconds that the last proposal's steps cost. */
    double spent(Draftable sequence) {
        Slot slot = slots[sequence.slot()];
        return slot.drafted ? slot.share.spent() : 0;
    }

    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        Slot slot = slots[sequence.slot()];
        if (economy != null && slot.drafted && sequence.budget() == null) {
            economy.learn(slot.share, sequence.tree().size(), emitted);
        }
    }

    @Override
    public void close() {
        head.close();
    }
}
