package io.quarkiverse.eagle.toy;

import io.quarkiverse.eagle.engine.StepRequest;

/** How long a simulated engine's steps take. */
@FunctionalInterface
public interface StepTime {

    /** Nanoseconds of a step. */
    long nanos(StepRequest request);

    /** A step that takes so many milliseconds, and so many more for each row. */
    static StepTime ofMillis(double step, double row) {
        return request -> (long) (1e6 * (step + row * request.batch() * request.rows()));
    }
}
