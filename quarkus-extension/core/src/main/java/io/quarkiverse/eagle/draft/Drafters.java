package io.quarkiverse.eagle.draft;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.engine.Engine;

/** The drafters that a model can run, by name. */
public final class Drafters {

    /** Every name there is, whatever a bundle can run. */
    public static final List<String> NAMES = List.of(EagleDrafter.NAME, EagleDrafter.STATIC_NAME, PromptLookupDrafter.NAME,
            LookaheadDrafter.NAME, MixedDrafter.NAME, PlainDrafter.NAME);

    private static final CostCurve FREE = new CostCurve(new int[] { 1 }, new double[] { 0 });

    private final Map<String, Drafter> byName = new HashMap<>();
    private final String model;

    /**
     * @param model the model's name, for messages
     * @param slots sequences that decode at once
     * @param target cost of the target's steps
     * @param draft the draft head's engine, null without one
     * @param economy of the draft head, null without one
     */
    public Drafters(String model, int slots, StepCosts target, Engine draft, SpeculationEconomy economy) {
        this.model = model;
        add(new PlainDrafter());
        add(new PromptLookupDrafter(slots, free(target)));
        add(new LookaheadDrafter(slots, LookaheadDrafter.Shape.PUBLISHED));
        if (draft != null) {
            DraftHead head = new DraftHead(draft, economy.draft());
            add(new EagleDrafter(head, economy));
            add(new MixedDrafter(slots, new EagleDrafter(head, economy), economy,
                    new PromptLookupDrafter(slots, free(target)), free(target)));
            if (StaticTree.PUBLISHED.widest() <= draft.shape().topK()) {
                add(new EagleDrafter(head, StaticTree.PUBLISHED));
            }
        }
    }

    /** Decides about proposals that cost nothing, or are paid already. */
    private static SpeculationEconomy free(StepCosts target) {
        return new SpeculationEconomy(target, new StepCosts(FREE), List.of());
    }

    private void add(Drafter drafter) {
        byName.put(drafter.name(), drafter);
    }

    /** EAGLE-2 where there is a draft head, plain decoding elsewhere. */
    public Drafter standard() {
        return byName.getOrDefault(EagleDrafter.NAME, byName.get(PlainDrafter.NAME));
    }

    /**
     * A drafter by its name.
     *
     * @throws InvalidRequestException when there is none of this name, or this model cannot run it
     */
    public Drafter named(String name) {
        Drafter drafter = byName.get(requireKnown(name));
        if (drafter == null) {
            throw new InvalidRequestException("the bundle of " + model + " has no draft head that drafter \"" + name
                    + "\" could run; build it with --head, or use drafter " + String.join(", ",
                            NAMES.stream().filter(byName::containsKey).toList()));
        }
        return drafter;
    }

    /**
     * Fails unless there is a drafter of this name.
     *
     * @return the name
     */
    public static String requireKnown(String name) {
        if (!NAMES.contains(name)) {
            throw new InvalidRequestException("drafter \"" + name + "\" is not known; choose "
                    + String.join(", ", NAMES.subList(0, NAMES.size() - 1)) + " or " + NAMES.get(NAMES.size() - 1));
        }
        return name;
    }
}
