package io.quarkiverse.eagle.draft;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * EAGLE-2 and prompt lookup at once: both propose, their proposals become one tree, and one step verifies it. What the text
 * quotes comes from the lookup, which costs nothing; the rest from the head. Each source's values are calibrated against what
 * was accepted of it, so that they can be compared, and the nodes that are worth most are verified, whoever proposed them.
 */
public final class MixedDrafter implements Drafter {

    public static final String NAME = "mixed";

    private static final TreeBudget WHOLE_CHAIN = new TreeBudget(PromptLookupDrafter.LONGEST_CHAIN, 1,
            PromptLookupDrafter.LONGEST_CHAIN);

    private final EagleDrafter eagle;
    private final PromptLookupDrafter lookup;
    private final SpeculationEconomy headEconomy;
    private final SpeculationEconomy economy;
    private final Slot[] slots;
    private final List<Part> heads = new ArrayList<>();
    private final List<Part> lookups = new ArrayList<>();
    private final int[] nodeOf = new int[DraftTree.MAX_NODES];
    private final float[] ranked = new float[SpeculationEconomy.MOST_CANDIDATES];

    /** A sequence as one of the sources sees it: with a tree of its own. */
    private static final class Part implements Draftable {
        private final boolean wholeChain;
        private final DraftTree tree = new DraftTree();
        private Draftable sequence;

        Part(boolean wholeChain) {
            this.wholeChain = wholeChain;
        }

        @Override
        public int slot() {
            return sequence.slot();
        }

        @Override
        public int length() {
            return sequence.length();
        }

        @Override
        public int token(int index) {
            return sequence.token(index);
        }

        @Override
        public TreeBudget budget() {
            return wholeChain ? WHOLE_CHAIN : sequence.budget();
        }

        @Override
        public int mostNodes() {
            return sequence.mostNodes();
        }

        @Override
        public GrammarState grammar() {
            return sequence.grammar();
        }

        @Override
        public DraftTree tree() {
            return tree;
        }
    }

    /** What is remembered of the sequence in a slot. */
    private static final class Slot {
        private final MergedTree merged = new MergedTree();
        private final Part head = new Part(false);
        private final Part lookup = new Part(true);
        /** How far the target's choices follow the head's own tree: what it would have brought alone. */
        private int node;
        private boolean follows;
        private int alone;
        private final StepShare share = new StepShare();
    }

    /**
     * @param headEconomy decides what the head proposes
     * @param economy decides what of both proposals is verified; drafting is paid by then
     */
    MixedDrafter(int slots, EagleDrafter eagle, SpeculationEconomy headEconomy, PromptLookupDrafter lookup,
            SpeculationEconomy economy) {
        this.slots = new Slot[slots];
        this.eagle = eagle;
        this.headEconomy = headEconomy;
        this.lookup = lookup;
        this.economy = economy;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int begin(Draftable sequence, int heldRows) {
        Slot slot = prepare(sequence);
        lookup.begin(slot.lookup, heldRows);
        return eagle.begin(slot.head, heldRows);
    }

    @Override
    public int begin(Draftable sequence, int heldRows, int source) {
        Slot slot = prepare(sequence);
        lookup.begin(slot.lookup, heldRows, source);
        return eagle.begin(slot.head, heldRows, source);
    }

    @Override
    public int holds(int slot, Draftable sequence, int rows) {
        return eagle.holds(slot, sequence, rows);
    }

    private Slot prepare(Draftable sequence) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot();
            slots[sequence.slot()] = slot;
        }
        slot.head.sequence = sequence;
        slot.lookup.sequence = sequence;
        slot.follows = false;
        slot.alone = 0;
        return slot;
    }

    @Override
    public void forget() {
        eagle.forget();
    }

    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        Slot slot = slots[sequence.slot()];
        if (slot.follows) {
            slot.alone++;
            slot.node = slot.head.tree.child(slot.node, nextToken);
            slot.follows = slot.node >= 0;
        }
        eagle.observe(slot.head, result, b, row, nextToken);
        lookup.observe(slot.lookup, result, b, row, nextToken);
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        heads.clear();
        lookups.clear();
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (slot.alone > 0) {
                eagle.verified(slot.head, null, 0, slot.alone);
            }
            heads.add(slot.head);
            lookups.add(slot.lookup);
        }
        eagle.propose(heads);
        lookup.propose(lookups);
        economy.beginChoice();
        double spent = 0;
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            merge(slot);
            if (sequence.budget() == null) {
                economy.offer(ranked, slot.merged.rank(ranked));
                spent = Math.max(spent, slot.share.spent());
            }
        }
        int most = economy.chooseForAll(sequences.size(), spent);
        for (Draftable sequence : sequences) {
            select(sequence, slots[sequence.slot()], most);
        }
        StepShare.complete(sequences, sequences.size(), sequence -> slots[sequence.slot()].share);
    }

    private void merge(Slot slot) {
        MergedTree merged = slot.merged;
        slot.node = DraftTree.ROOT;
        slot.follows = true;
        slot.alone = 0;
        slot.share.chose(0, eagle.spent(slot.head));
        merged.clear();
        DraftTree tree = slot.head.tree;
        for (int node = 0; node < tree.size(); node++) {
            int parent = tree.parent(node);
            nodeOf[node] = merged.add(tree.token(node), parent == DraftTree.ROOT ? DraftTree.ROOT : nodeOf[parent],
                    headEconomy.calibrated(tree.value(node)));
        }
        DraftTree chain = slot.lookup.tree;
        for (int node = 0, parent = DraftTree.ROOT; node < chain.size(); node++) {
            parent = merged.add(chain.token(node), parent, chain.value(node));
        }
    }

    /** @param most nodes of each sequence that adapts */
    private void select(Draftable sequence, Slot slot, int most) {
        int count = slot.merged.rank(ranked);
        int nodes;
        if (sequence.budget() != null) {
            nodes = sequence.budget().nodes();
        } else {
            nodes = Math.min(most, count);
            slot.share.chose(economy.promised(ranked, nodes), slot.share.spent());
        }
        slot.merged.select(Math.min(nodes, sequence.mostNodes()), sequence.tree());
    }

    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        Slot slot = slots[sequence.slot()];
        if (sequence.budget() == null) {
            economy.learn(slot.share, sequence.tree().size(), emitted);
        }
    }

    @Override
    public void close() {
        eagle.close();
        lookup.close();
    }
}
