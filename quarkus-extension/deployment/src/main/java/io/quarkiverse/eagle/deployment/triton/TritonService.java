package io.quarkiverse.eagle.deployment.triton;

import io.quarkus.deployment.builditem.Startable;

/** What serves a model with {@code engine=triton} in dev and test mode. */
sealed interface TritonService extends Startable permits LocalTriton, TritonContainer, EmbeddedInstead {

    /** One sentence for the log: what serves, and where. */
    String description();
}
