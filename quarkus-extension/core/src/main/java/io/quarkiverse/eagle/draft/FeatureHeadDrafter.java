package io.quarkiverse.eagle.draft;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.tree.DynamicDraftTree;

/**
 * What Medusa and Hydra share: heads that read the target's last feature and keep no KV pool. Each head proposes the tokens of
 * one level; the tree is grown and cut by value as EAGLE-2's is. A step of these engines has as many rows as there are heads.
 */
abstract sealed class FeatureHeadDrafter implements Drafter permits MedusaDrafter, HydraDrafter {

    private static final int ROUNDS = 4;

    private final String name;
    private final Engine engine;
    private final SpeculationEconomy economy;
    private final Slot[] slots;
    private final StepRequest request;
    private final StepResult result;
    private final float[] ranked = new float[SpeculationEconomy.MOST_CANDIDATES];
    private final float[] frontier = new float[ranked.length];

    /** What is known of the sequence in a slot. */
    static final class Slot {
        final DynamicDraftTree tree = new DynamicDraftTree();
        /** The target's feature of the token before the last. */
        final FloatBuffer feature;
        boolean growing;
        private boolean known;
        private boolean drafted;
        private final StepShare share = new StepShare();
        private int nodes = 8;

        Slot(int featureSize) {
            this.feature = ByteBuffer.allocateDirect(featureSize * Float.BYTES).order(ByteOrder.nativeOrder())
                    .asFloatBuffer();
        }
    }

    /** @param slots sequences that decode at once */
    FeatureHeadDrafter(String name, Engine engine, int slots, StepCosts target) {
        this.name = name;
        this.engine = engine;
        EngineShape shape = engine.shape();
        int rows = shape.slots() * shape.maxRows();
        this.slots = new Slot[slots];
        this.request = new StepRequest(shape, shape.slots(), rows, shape.maxRows());
        this.result = new StepResult(shape, rows, rows);
        this.economy = new SpeculationEconomy(target, new StepCosts(measure()), List.of());
    }

    /** Seconds of a step by its nodes, the fastest of a few; the first one only warms up. */
    private CostCurve measure() {
        int most = Math.min(engine.shape().slots(), engine.shape().topK());
        int[] nodes = most > 1 ? new int[] { 1, most } : new int[] { 1 };
        double[] seconds = new double[nodes.length];
        for (int i = 0; i < nodes.length; i++) {
            seconds[i] = Double.MAX_VALUE;
            for (int round = 0; round <= ROUNDS; round++) {
                long start = engine.nanoTime();
                begin(0, nodes[i]);
                run();
                double time = (engine.nanoTime() - start) / 1e9;
                seconds[i] = round == 0 ? seconds[i] : Math.min(seconds[i], time);
            }
            seconds[i] = i == 0 ? seconds[i] : Math.max(seconds[i], seconds[i - 1]);
        }
        return new CostCurve(nodes, seconds);
    }

    /** Begins a step of sequences or nodes; the caller fills its rows. */
    abstract StepRequest begin(int first, int batch);

    /** Begins a step of so many rows, one for each head. */
    final StepRequest begin(int first, int batch, int outputs) {
        request.begin(first, batch, heads(), 0, heads(), outputs);
        return request;
    }

    final StepResult run() {
        return Steps.await(engine.step(request, result));
    }

    /** How many heads there are: levels that a tree can have. */
    final int heads() {
        return engine.shape().maxRows();
    }

    final int topK(Draftable sequence) {
        int most = engine.shape().topK();
        return sequence.budget() == null ? most : Math.min(most, sequence.budget().topK());
    }

    final int levels(Draftable sequence) {
        return sequence.budget() == null ? heads() : Math.min(heads(), sequence.budget().depth());
    }

    final Slot slot(Draftable sequence) {
        return slots[sequence.slot()];
    }

    /** Seconds of a step. */
    final double cost(int nodes) {
        return economy.draft().at(nodes);
    }

    @Override
    public String name() {
        return name;
    }

    /** Rows that are not observed are not missed: the last one always is. */
    @Override
    public int begin(Draftable sequence, int heldRows) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(engine.shape().featureSize());
            slots[sequence.slot()] = slot;
        }
        slot.known = false;
        slot.drafted = false;
        return heldRows;
    }

    @Override
    public void observe(Draftable sequence, StepResult step, int b, int row, int nextToken) {
        Slot slot = slot(sequence);
        slot.feature.put(0, step.features(), step.featureOffset(b, row), engine.shape().featureSize());
        slot.known = true;
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        boolean adaptive = true;
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
            slot(sequence).drafted = false;
            adaptive &= sequence.budget() == null;
        }
        if (adaptive && !economy.draftsNow(sequences.size())) {
            return;
        }
        List<? extends Draftable> ready = sequences.stream().filter(sequence -> slot(sequence).known).toList();
        if (ready.isEmpty()) {
            return;
        }
        for (Draftable sequence : ready) {
            slot(sequence).tree.begin(sequence.grammar());
            slot(sequence).growing = true;
        }
        double spent = grow(ready);
        economy.beginChoice();
        for (Draftable sequence : ready) {
            if (sequence.budget() == null) {
                economy.offer(ranked, slot(sequence).tree.rankedValues(ranked));
            }
        }
        int most = economy.chooseForAll(sequences.size(), spent);
        for (Draftable sequence : ready) {
            select(sequence, slot(sequence), spent, most);
        }
        StepShare.complete(ready, sequences.size(), sequence -> slot(sequence).share);
    }

    /**
     * Fills the candidates of every sequence.
     *
     * @return seconds that the steps cost
     */
    abstract double grow(List<? extends Draftable> sequences);

    /** Chooses the nodes to expand next. */
    final int nextFrontier(Draftable sequence) {
        Slot slot = slot(sequence);
        return slot.tree.nextFrontier(sequence.budget() != null ? topK(sequence)
                : economy.expansion(slot.nodes, topK(sequence)));
    }

    /** Whether a sequence without a fixed budget should go a level deeper, whose frontier is chosen. */
    final boolean anotherLevelPays(Slot slot, int batch, double spent) {
        int count = slot.tree.rankedValues(ranked);
        for (int i = 0; i < slot.tree.frontierSize(); i++) {
            frontier[i] = slot.tree.frontierValue(i);
        }
        return economy.anotherLevelPays(ranked, count, frontier, slot.tree.frontierSize(), batch, spent);
    }

    /** Adds the best tokens of an output row below a node of the frontier, or below the root. */
    final void addChildren(Draftable sequence, int node, int b, int row) {
        DynamicDraftTree tree = slot(sequence).tree;
        int count = topK(sequence);
        for (int i = 0; i < count; i++) {
            if (node < 0) {
                tree.addToRoot(result.topId(b, row, i), result.topLogit(b, row, i));
            } else {
                tree.addToFrontier(node, result.topId(b, row, i), result.topLogit(b, row, i));
            }
        }
        if (count > 1) {
            economy.sawConfidence(result.topLogit(b, row, 0), result.topLogit(b, row, 1));
        }
    }

    /** @param most nodes of each sequence that adapts */
    private void select(Draftable sequence, Slot slot, double spent, int most) {
        slot.drafted = true;
        slot.share.chose(0, spent);
        int nodes;
        if (sequence.budget() != null) {
            nodes = sequence.budget().nodes();
        } else {
            nodes = Math.min(most, slot.tree.rankedValues(ranked));
            slot.share.chose(economy.promised(ranked, nodes), spent);
            slot.nodes = nodes;
        }
        slot.tree.select(Math.min(nodes, sequence.mostNodes()), sequence.tree());
    }

    @Override
    public void verified(Draftable sequence, StepResult step, int b, int emitted) {
        Slot slot = slot(sequence);
        if (slot.drafted && sequence.budget() == null) {
            economy.learn(slot.share, sequence.tree().size(), emitted);
        }
    }

    @Override
    public void close() {
        engine.close();
    }
}
