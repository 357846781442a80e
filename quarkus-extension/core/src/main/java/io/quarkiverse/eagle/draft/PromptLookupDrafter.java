package io.quarkiverse.eagle.draft;

import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;

/**
 * Prompt lookup decoding: what followed the last tokens when they stood in the context before is proposed again. The longest
 * match of up to three tokens wins, of these the most recent. Needs no model, costs next to nothing, and pays where answers
 * quote: summaries, edits of code, chats that repeat themselves.
 */
public final class PromptLookupDrafter implements Drafter {

    public static final String NAME = "pld";

    /** Tokens of the longest match. */
    static final int LONGEST_MATCH = 3;
    /** Tokens of a proposal. */
    static final int LONGEST_CHAIN = 10;

    private final SpeculationEconomy economy;
    private final ChainCalibration calibration = new ChainCalibration(LONGEST_MATCH, LONGEST_CHAIN);
    private final Slot[] slots;
    private final float[] values = new float[LONGEST_CHAIN];

    /** What the drafter knows of the sequence in a slot. */
    private static final class Slot {
        private final TokenHistory history = new TokenHistory();
        /** What followed the match, as far as it was proposed or might have been. */
        private final int[] chain = new int[LONGEST_CHAIN];
        private int chainLength;
        private int match;
        /** Tokens of the chain that the target has confirmed; -1 when it has left the chain. */
        private int confirmed;
        private int nodes;
        private final StepShare share = new StepShare();
    }

    /** @param economy decides how much of a proposal pays, for sequences whose budget is not fixed; its drafting is free */
    public PromptLookupDrafter(int slots, SpeculationEconomy economy) {
        this.slots = new Slot[slots];
        this.economy = economy;
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
            slot = new Slot();
            slots[sequence.slot()] = slot;
        }
        slot.history.clear();
        slot.chainLength = 0;
        slot.confirmed = -1;
        return heldRows;
    }

    /** Learns from every token that the target chose, whether it was verified as part of a chain or only might have been. */
    @Override
    public void observe(Draftable sequence, StepResult result, int b, int row, int nextToken) {
        Slot slot = slots[sequence.slot()];
        if (slot.confirmed < 0 || slot.confirmed == slot.chainLength) {
            return;
        }
        boolean same = slot.chain[slot.confirmed] == nextToken;
        calibration.saw(slot.match, slot.confirmed, same);
        slot.confirmed = same ? slot.confirmed + 1 : -1;
    }

    @Override
    public void propose(List<? extends Draftable> sequences) {
        for (Draftable sequence : sequences) {
            sequence.tree().clear();
            Slot slot = slots[sequence.slot()];
            slot.history.readUpTo(sequence);
            slot.match = slot.history.longestMatch(LONGEST_MATCH);
            slot.chainLength = possible(slot.chain, slot.history.following(slot.chain), sequence.grammar());
            slot.confirmed = slot.chainLength == 0 ? -1 : 0;
        }
        economy.beginChoice();
        for (Draftable sequence : sequences) {
            Slot slot = slots[sequence.slot()];
            if (sequence.budget() == null && slot.chainLength > 0) {
                calibration.values(slot.match, slot.chainLength, values);
                economy.offer(values, slot.chainLength);
            }
        }
        int most = economy.chooseForAll(sequences.size(), 0);
        for (Draftable sequence : sequences) {
            propose(sequence, slots[sequence.slot()], most);
        }
        StepShare.complete(sequences, sequences.size(), sequence -> slots[sequence.slot()].share);
    }

    /** How many of the chain's first tokens a grammar allows; all of them without one. */
    private static int possible(int[] chain, int count, GrammarState grammar) {
        GrammarState state = grammar;
        for (int i = 0; grammar != null && i < count; i++) {
            if (state == null || !state.allows(chain[i])) {
                return i;
            }
            state = state.after(chain[i]);
        }
        return count;
    }

    /** @param most nodes of each sequence that adapts */
    private void propose(Draftable sequence, Slot slot, int most) {
        int count = slot.chainLength;
        if (count > 0) {
            calibration.values(slot.match, count, values);
        }
        TreeBudget budget = sequence.budget();
        if (budget != null) {
            slot.nodes = Math.min(count, budget.nodes());
        } else {
            slot.nodes = Math.min(most, count);
            slot.share.chose(economy.promised(values, slot.nodes), 0);
        }
        slot.nodes = Math.min(slot.nodes, sequence.mostNodes());
        for (int i = 0; i < slot.nodes; i++) {
            sequence.tree().add(slot.chain[i], i - 1, values[i]);
        }
        sequence.tree().candidates(count);
    }

    @Override
    public void verified(Draftable sequence, StepResult result, int b, int emitted) {
        Slot slot = slots[sequence.slot()];
        if (sequence.budget() == null) {
            economy.learn(slot.share, slot.nodes, emitted);
        }
    }

    @Override
    public void close() {
        Arrays.fill(slots, null);
    }
}
