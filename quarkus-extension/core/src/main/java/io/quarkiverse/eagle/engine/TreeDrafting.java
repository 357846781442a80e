package io.quarkiverse.eagle.engine;

import java.util.concurrent.CompletionStage;

/**
 * Drafts all levels of a tree in one request, where every step of its own would cost a journey to the engine. Levels are
 * expanded as EAGLE-2 does it (arXiv 2406.16858, section 4.1): the candidates of highest value of a level, ties to the one that
 * came first, are the rows of the next level's step.
 */
public interface TreeDrafting {

    /**
     * Runs an extension and the levels below it.
     *
     * @param extension the step that ends with the roots' rows; one output row per sequence, which its first level comes from.
     *        Read until the stage completes
     * @param tree the levels, read until the stage completes
     * @param drafted filled when the stage completes
     * @return completes with {@code drafted}, or fails as a step does
     */
    CompletionStage<DraftedTree> draft(StepRequest extension, TreeRequest tree, DraftedTree drafted);
}
