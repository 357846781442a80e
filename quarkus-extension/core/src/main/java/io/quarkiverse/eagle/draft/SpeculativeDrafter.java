package io.quarkiverse.eagle.draft;

import java.util.List;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;

/**
 * Standard speculative decoding (arXiv 2211.17192, 2302.01318): a small language model with the target's tokenizer drafts a
 * chain. At temperature 0 it takes its best token; above, it draws as the sequence's {@link Acceptance} says. Coupled, it draws
 * with the very uniform number that the target will draw with at that position: draft and target then agree wherever their
 * distributions nearly do, and the verifier's own draw keeps the text that plain decoding has for the seed. With rejection, it
 * draws from its own distribution, and how much of the chain is proposed does not depend on what it drew.
 */
public final class SpeculativeDrafter implements Drafter {

    public static final String NAME = "speculative";

    /**
     * The chain of sequences with {@link Acceptance#REJECTION} that have to repeat their text: where a chain ends decides which
     * numbers the tokens after it are drawn with, and an adaptive chain's end follows measured times.
     */
    public static final TreeBudget REPEATABLE = new TreeBudget(4, 1, 4);

    /** Tokens of the longest chain. */
    static final int LONGEST_CHAIN = 10;
    /** Value of a token that is not among the draft's best. */
    private static final float UNLIKELY = -8;

    private final Engine engine;
    private final SpeculationEconomy economy;
    private final Slot[] slots;
    private final StepRequest request;
    private final StepResult result;
    private final float[] frontier = new float[1];
    /** How often the target accepts a token that the draft drew by itself: not what the draft's probability of it says. */
    private final ChainCalibration accepted = new ChainCalibration(1, LONGEST_CHAIN);

    /** What the draft's pool holds of the sequence in a slot, and the chain. */
    private static final class Slot {
        /** Tokens of the pool's rows, in order. */
        private final int[] held;
        private int rows;
        private final int[] chain = new int[LONGEST_CHAIN];
        private final float[] values = new float[LONGEST_CHAIN];
        /**
         * Estimated cumulative log-probabilities of acceptance, which decide how much is drafted and proposed. Where draws are
         * coupled, the values themselves; with rejection they look at a token's place alone, never at the token.
         */
        private final float[] chances = new float[LONGEST_CHAIN];
        private int chainLength;
        private boolean growing;
        private final StepShare share = new StepShare();

        Slot(int capacity) {
            this.held = new int[capacity];
        }
    }

    /**
     * @param engine a small language model's target graph, with as many slots as sequences decode at once or more
     * @param economy decides how long a chain pays, for sequences whose budget is not fixed
     */
    public SpeculativeDrafter(Engine engine, SpeculationEconomy economy) {
        this.engine = engine;
        this.economy = economy;
        EngineShape shape = engine.shape();
        int rows = shape.maxRows() * shape.slots();
        this.slots = new Slot[shape.slots()];
        this.request = new StepRequest(shape, shape.slots(), rows, shape.maxRows());
        this.result = new StepResult(shape, rows, Math.max(Engine.MIN_ROWS, shape.slots()));
    }

    @Override
    public String name() {
        return NAME;
    }

    /** Rows that are not observed are not missed: the draft model reads the sequence itself. */
    @Override
    public int begin(Draftable sequence, int heldRows) {
        Slot slot = slots[sequence.slot()];
        if (slot == null) {
            slot = new Slot(engine.shape().maxLength());
            slots[sequence.slot()] = slot;
        }
        slot.rows = 0;
        slot.chainLength = 0;
        return heldRows;
    }

    /** Nothing to learn: the pool is compared with the sequence's tokens before the next proposal. */
    @Override
    public void observe(Draftable sequence, StepResult step, int b, int row, int nextToken) {
        // The sequence itself tells.
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        boolean adaptive = true;
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
            Slot slot = slots[sequence.slot()];
            slot.chainLength = 0;
            slot.growing = false;
            adaptive &= sequence.budget() == null;
        }
        if (adaptive && !economy.draftsNow(sequences.size())) {
            return;
        }
        double spent = catchUp(sequences);
        for (int level = 1; keepsOn(sequences, level, spent); level++) {
            spent += extendChains(sequences);
        }
        for (Draftable sequence : sequences) {
            select(sequence, slots[sequence.slot()], sequences.size(), spent);
        }
        StepShare.complete(sequences, sequences.size(), sequence -> slots[sequence.slot()].share);
    }

    /** Reads what the pool does not hold of the sequences; every last row gives the chain's first token. */
    private double catchUp(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int last = sequence.length() - 1;
            int same = 0;
            while (same < Math.min(slot.rows, last) && slot.held[same] == sequence.token(same)) {
                same++;
            }
            slot.rows = same;
            slot.growing = last < slot.held.length && sequence.mostNodes() > 0;
        }
        double spent = 0;
        int pending;
        while ((pending = mostPending(sequences)) > 0) {
            readChunk(sequences, Math.min(pending, engine.shape().maxRows()));
            // A prompt is read once; what it costs says nothing about the chains that follow.
            spent = cost(sequences.size());
        }
        return spent;
    }

    private int mostPending(List<? extends Draftable> sequences) {
        int most = 0;
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            most = slot.growing ? Math.max(most, sequence.length() - slot.rows) : most;
        }
        return most;
    }

    private void readChunk(List<? extends Draftable> sequences, int rows) {
        begin(sequences, rows);
        int first = DraftHead.firstSlot(sequences);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int count = slot.growing ? Math.min(rows, sequence.length() - slot.rows) : 0;
            int b = sequence.slot() - first;
            for (int t = 0; t < count; t++) {
                int position = slot.rows + t;
                slot.held[position] = sequence.token(position);
                request.row(b, t, slot.held[position], position);
                for (int seen = 0; seen < t; seen++) {
                    request.see(b, t, seen);
                }
            }
            request.outputRow(b, 0, Math.max(0, count - 1));
        }
        Steps.await(engine.step(request, result));
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            int count = slot.growing ? Math.min(rows, sequence.length() - slot.rows) : 0;
            slot.rows += count;
            if (count > 0 && slot.rows == sequence.length()) {
                addToken(sequence, slot, sequence.slot() - first);
            }
        }
    }

    /** Begins a step in which slots that take no part write behind their own rows. */
    private void begin(List<? extends Draftable> sequences, int rows) {
        int first = DraftHead.firstSlot(sequences);
        int last = first;
        for (Draftable sequence : sequences) {
            last = Math.max(last, sequence.slot());
        }
        int batch = last - first + 1;
        int padded = batch * rows < Engine.MIN_ROWS ? Engine.MIN_ROWS : rows;
        request.begin(first, batch, padded, 0, padded, 1);
        for (int b = 0; b < batch; b++) {
            request.windowStart(b, slots[first + b] == null ? 0 : slots[first + b].rows);
        }
    }

    /** Decides which chains go on. */
    private boolean keepsOn(List<? extends Draftable> sequences, int level, double spent) {
        boolean any = false;
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (!slot.growing) {
                continue;
            }
            frontier[0] = slot.chances[level - 1];
            int most = Math.min(Math.min(LONGEST_CHAIN, sequence.mostNodes()), slot.held.length - sequence.length());
            slot.growing = level < most && (sequence.budget() != null
                    ? level < Math.min(sequence.budget().depth(), sequence.budget().nodes())
                    : economy.anotherLevelPays(slot.chances, slot.chainLength, frontier, 1, sequences.size(), spent));
            any |= slot.growing;
        }
        return any;
    }

    private double extendChains(List<? extends Draftable> sequences) {
        begin(sequences, 1);
        int first = DraftHead.firstSlot(sequences);
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (slot.growing) {
                int token = slot.chain[slot.chainLength - 1];
                request.row(sequence.slot() - first, 0, token, slot.rows);
                slot.held[slot.rows] = token;
            }
        }
        Steps.await(engine.step(request, result));
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (slot.growing) {
                slot.rows++;
                addToken(sequence, slot, sequence.slot() - first);
            }
        }
        return cost(sequences.size());
    }

    /** Draws the chain's next token from the sequence's output row. */
    private void addToken(Draftable sequence, Slot slot, int b) {
        int token = sequence.draft(result, b, 0, slot.chain, slot.chainLength);
        if (token < 0) {
            Steps.await(engine.fetchLogits(result, b, 0));
            token = sequence.draft(result, b, 0, slot.chain, slot.chainLength);
        }
        float value = slot.chainLength == 0 ? 0 : slot.values[slot.chainLength - 1];
        slot.chain[slot.chainLength] = token;
        slot.values[slot.chainLength] = value + Math.min(0, logProbability(token, b));
        slot.chances[slot.chainLength] = slot.values[slot.chainLength];
        slot.chainLength++;
        if (sequence.acceptance() == Acceptance.REJECTION) {
            accepted.values(1, slot.chainLength, slot.chances);
        }
    }

    private float logProbability(int token, int b) {
        for (int i = 0; i < engine.shape().topK(); i++) {
            if (result.topId(b, 0, i) == token) {
                return result.topLogit(b, 0, i) - result.logZ(b, 0);
            }
        }
        return UNLIKELY;
    }

    private double cost(int rows) {
        return economy.draft().at(Math.max(Engine.MIN_ROWS, rows));
    }

    private void select(Draftable sequence, Slot slot, int batch, double spent) {
        slot.share.chose(0, spent);
        int nodes = slot.chainLength;
        if (sequence.budget() == null) {
            nodes = economy.choose(slot.chances, slot.chainLength, batch, spent);
            slot.share.chose(economy.promised(slot.chances, nodes), spent);
        } else {
            nodes = Math.min(nodes, sequence.budget().nodes());
        }
        for (int i = 0; i < Math.min(nodes, sequence.mostNodes()); i++) {
            sequence.tree().add(slot.chain[i], i - 1, slot.values[i]);
        }
        sequence.tree().candidates(slot.chainLength);
    }

    @Override
    public void verified(Draftable sequence, StepResult step, int b, int emitted) {
        Slot slot = slots[sequence.slot()];
        if (slot.chainLength > 0 && sequence.budget() == null) {
            economy.learn(slot.share, sequence.tree().size(), emitted);
        }
        if (slot.chainLength > 0 && sequence.acceptance() == Acceptance.REJECTION) {
            // The last token is the target's own, but for an accepted one that ends the answer: that it counts as rejected is
            // an error of one in an answer.
            for (int place = 0; place < Math.min(emitted, sequence.tree().size()); place++) {
                accepted.saw(1, place, place < emitted - 1);
            }
        }
    }

    @Override
    public void close() {
        engine.close();
    }
}
