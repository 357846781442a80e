package io.quarkiverse.eagle.engine;

import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

/** Waits for steps; for threads that may block, such as a decode loop's own. */
public final class Steps {

    private Steps() {
    }

    /** Waits for a stage and unwraps its failure. */
    public static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new EngineException("a step failed: " + e.getCause().getMessage(), e.getCause());
        }
    }
}
