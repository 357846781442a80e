package io.quarkiverse.eagle.engine;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A step in a Java Flight Recorder recording; its duration is the step's. */
@Name(EngineStepEvent.NAME)
@Label("Engine Step")
@Category("EAGLE")
@Description("One request to an engine: a step, or a draft tree's steps together")
@StackTrace(false)
final class EngineStepEvent extends Event {

    static final String NAME = "io.quarkiverse.eagle.EngineStep";

    @Label("Model")
    String model;

    @Label("Engine")
    String engine;

    @Label("Rows")
    @Description("Rows per sequence, padding included")
    int rows;

    @Label("Batch")
    @Description("Sequences that share the step")
    int batch;

    @Label("Levels")
    @Description("Levels of the draft tree that were expanded in the same request; 0 for a step of its own")
    int levels;

    @Label("Failed")
    boolean failed;
}
