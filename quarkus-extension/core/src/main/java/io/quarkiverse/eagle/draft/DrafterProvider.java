package io.quarkiverse.eagle.draft;

/**
 * Brings a drafter of an application's own, beside those that a model has by itself. In a Quarkus application every bean of
 * this
 * type is asked once per model when the model opens; the beans must not need a request.
 */
public interface DrafterProvider {

    /** The name that requests and configuration use: lower-case letters, digits and dashes, and none that is taken. */
    String name();

    /**
     * Makes the drafter of one model; it is closed with the model.
     *
     * @param slots sequences that decode at once; {@link Draftable#slot} is below this
     * @param economy decides how much of a proposal pays on this machine, for proposals that cost no steps of an engine; the
     *        drafter's own, to be taught by {@link SpeculationEconomy#learn}
     */
    Drafter create(int slots, SpeculationEconomy economy);
}
