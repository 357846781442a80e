package io.quarkiverse.eagle.engine;

import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * An engine whose steps are events of Java Flight Recorder. While nobody records it hands calls on, and neither allocates nor
 * looks at a clock.
 */
final class RecordedEngine implements Engine {

    /** Knows whether somebody records; never committed. */
    private static final EngineStepEvent PROBE = new EngineStepEvent();

    private final Engine engine;
    private final String model;
    private final String name;
    private final Optional<TreeDrafting> treeDrafting;

    /**
     * @param model the model's name
     * @param name what the engine is in its model
     */
    RecordedEngine(Engine engine, String model, String name) {
        this.engine = engine;
        this.model = model;
        this.name = name;
        this.treeDrafting = engine.treeDrafting().map(this::recorded);
    }

    @Override
    public EngineShape shape() {
        return engine.shape();
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        if (!PROBE.isEnabled()) {
            return engine.step(request, result);
        }
        return recorded(begin(request, 0), engine.step(request, result));
    }

    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        return engine.fetchLogits(result, b, r);
    }

    @Override
    public Optional<TreeDrafting> treeDrafting() {
        return treeDrafting;
    }

    @Override
    public Optional<RowCopying> rowCopying() {
        return engine.rowCopying();
    }

    @Override
    public boolean runsElsewhere() {
        return engine.runsElsewhere();
    }

    private TreeDrafting recorded(TreeDrafting drafting) {
        return (extension, tree, drafted) -> {
            if (!PROBE.isEnabled()) {
                return drafting.draft(extension, tree, drafted);
            }
            return recorded(begin(extension, tree.levels()), drafting.draft(extension, tree, drafted));
        };
    }

    private EngineStepEvent begin(StepRequest request, int levels) {
        EngineStepEvent event = new EngineStepEvent();
        event.model = model;
        event.engine = name;
        event.rows = request.rows();
        event.batch = request.batch();
        event.levels = levels;
        event.begin();
        return event;
    }

    /** The request may be written anew once its stage has completed, so the event has read it already. */
    private static <T> CompletionStage<T> recorded(EngineStepEvent event, CompletionStage<T> running) {
        return running.whenComplete((result, failure) -> {
            event.end();
            event.failed = failure != null;
            event.commit();
        });
    }

    @Override
    public void close() {
        engine.close();
    }
}
