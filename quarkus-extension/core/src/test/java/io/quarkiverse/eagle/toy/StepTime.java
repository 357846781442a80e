package io.quarkiverse.eagle.toy;

import io.quarkiverse.eagle.engine.StepRequest;

/** How long a simulated engine's steps take. */
@FunctionalInterface
public interface StepTime {

    /** Nanoseconds of a step. */
    long nanos(StepRequest request);
}
