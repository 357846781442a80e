package io.quarkiverse.eagle.runtime;

import io.quarkiverse.eagle.GenerationRequest;

/** Hears of a model's requests. */
@FunctionalInterface
public interface RequestListener {

    /**
     * A consumer subscribed, and the request is about to be made; on the subscribing thread, in the caller's context.
     *
     * @param id tells the request apart in logs and traces
     * @return hears what becomes of the request
     */
    GenerationListener requested(String id, GenerationRequest request);
}
