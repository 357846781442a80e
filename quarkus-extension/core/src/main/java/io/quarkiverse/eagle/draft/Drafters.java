package io.quarkiverse.eagle.draft;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;

/** The drafters that a model can run, by name. */
public final class Drafters {

    /** Every name there is, whatever a bundle can run. */
    public static final List<String> NAMES = List.of(EagleDrafter.NAME, EagleDrafter.STATIC_NAME, PromptLookupDrafter.NAME,
            LookaheadDrafter.NAME, MedusaDrafter.NAME, HydraDrafter.NAME, SpeculativeDrafter.NAME, MixedDrafter.NAME,
            PlainDrafter.NAME);

    private static final CostCurve FREE = new CostCurve(new int[] { 1 }, new double[] { 0 });

    private static final Pattern NAME = Pattern.compile("[a-z0-9-]+");

    private final Map<String, Drafter> byName = new HashMap<>();
    /** Names of the application's own drafters, in the order in which they were brought. */
    private final List<String> own = new ArrayList<>();
    private final String model;

    /**
     * @param model the model's name, for messages
     * @param slots sequences that decode at once
     * @param target cost of the target's steps
     * @param engines the draft head and whatever else proposes
     * @param economy of the draft head, null without one
     * @param draftModel cost of the draft model's steps, null without one
     * @param providers bring drafters of the application's own
     */
    public Drafters(String model, int slots, StepCosts target, EnginePair engines, SpeculationEconomy economy,
            CostCurve draftModel, List<DrafterProvider> providers) {
        this.model = model;
        add(new PlainDrafter());
        add(new PromptLookupDrafter(slots, free(target)));
        add(new LookaheadDrafter(slots, LookaheadDrafter.Shape.PUBLISHED));
        Engine medusa = engines.further().get(MedusaDrafter.NAME);
        if (medusa != null) {
            add(new MedusaDrafter(medusa, slots, target));
        }
        Engine hydra = engines.further().get(HydraDrafter.NAME);
        if (hydra != null) {
            add(new HydraDrafter(hydra, slots, target));
        }
        Engine language = engines.further().get(SpeculativeDrafter.NAME);
        if (language != null) {
            add(new SpeculativeDrafter(language, new SpeculationEconomy(target, new StepCosts(draftModel), List.of())));
        }
        Engine draft = engines.draft();
        if (draft != null) {
            DraftHead head = new DraftHead(draft, economy.draft());
            add(new EagleDrafter(head, economy));
            add(new MixedDrafter(slots, new EagleDrafter(head, economy), economy,
                    new PromptLookupDrafter(slots, free(target)), free(target)));
            if (StaticTree.PUBLISHED.widest() <= draft.shape().topK()) {
                add(new EagleDrafter(head, StaticTree.PUBLISHED));
            }
        }
        for (DrafterProvider provider : providers) {
            own.add(requireFree(provider.name()));
            byName.put(provider.name(), provider.create(slots, free(target)));
        }
    }

    /** Closes the application's own drafters; those over engines end with their engines. */
    public void closeOwn() {
        own.forEach(name -> byName.get(name).close());
    }

    private String requireFree(String name) {
        if (!NAME.matcher(name).matches() || NAMES.contains(name) || own.contains(name)) {
            throw new InvalidRequestException("an own drafter is named \"" + name + "\"; a name has lower-case letters, digits"
                    + " and dashes, and is not taken already: " + String.join(", ", NAMES)
                    + own.stream().map(each -> ", " + each).collect(Collectors.joining()));
        }
        return name;
    }

    /** Decides about proposals that cost nothing, or are paid already. */
    private static SpeculationEconomy free(StepCosts target) {
        return new SpeculationEconomy(target, new StepCosts(FREE), List.of());
    }

    private void add(Drafter drafter) {
        byName.put(drafter.name(), drafter);
    }

    /** Names of those that this model can run. */
    public List<String> available() {
        return Stream.concat(NAMES.stream().filter(byName::containsKey), own.stream()).toList();
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
        Drafter drafter = byName.get(own.contains(name) ? name : requireKnown(name));
        if (drafter == null) {
            throw new InvalidRequestException(missing(name) + ", or use drafter " + String.join(", ", available()));
        }
        return drafter;
    }

    private String missing(String name) {
        return switch (name) {
            case SpeculativeDrafter.NAME -> "drafter \"" + name + "\" needs a draft model beside " + model
                    + "; name its bundle with --draft-model or quarkus.eagle.draft-bundle";
            case MedusaDrafter.NAME, HydraDrafter.NAME -> model + " has no draft head that drafter \"" + name
                    + "\" could run; build its bundle with a " + name + " head (--head, which may be repeated) and run its"
                    + " engines in this process, the only place where such heads run";
            default -> "the bundle of " + model + " has no draft head that drafter \"" + name
                    + "\" could run; build it with --head";
        };
    }

    /**
     * Fails unless the drafter draws its tokens from distributions, which {@link Acceptance#REJECTION} compares with the
     * target's; the trees of the others are made without a draw.
     *
     * @param name null for the model's standard drafter
     */
    public static void requireDraws(String name) {
        if (!SpeculativeDrafter.NAME.equals(name)) {
            throw new InvalidRequestException("acceptance \"rejection\" is a rule for drafter \"" + SpeculativeDrafter.NAME
                    + "\", whose draft model draws its tokens, but the drafter is "
                    + (name == null ? "the model's standard one" : "\"" + name + "\"") + "; choose drafter \""
                    + SpeculativeDrafter.NAME + "\" or acceptance \"coupled\"");
        }
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
