package io.quarkiverse.eagle.engine;

import java.util.HashMap;
import java.util.Map;

/**
 * The engines of a bundle.
 *
 * @param target verifies
 * @param draft the EAGLE head; null when the bundle has none
 * @param further other engines that propose, by the drafter that runs them: {@code medusa}, {@code hydra},
 *        {@code speculative}
 */
public record EnginePair(Engine target, Engine draft, Map<String, Engine> further) implements AutoCloseable {

    public EnginePair {
        further = Map.copyOf(further);
    }

    /** No other engines. */
    public EnginePair(Engine target, Engine draft) {
        this(target, draft, Map.of());
    }

    /** The same engines and one more, in place of an engine that the same drafter had; that one is closed. */
    public EnginePair with(String drafter, Engine engine) {
        Map<String, Engine> more = new HashMap<>(further);
        Engine before = more.put(drafter, engine);
        if (before != null) {
            before.close();
        }
        return new EnginePair(target, draft, more);
    }

    /**
     * The same engines, with every step an event of Java Flight Recorder where somebody records.
     *
     * @param model the model's name
     */
    public EnginePair recorded(String model) {
        Map<String, Engine> more = new HashMap<>();
        further.forEach((drafter, engine) -> more.put(drafter, new RecordedEngine(engine, model, drafter)));
        return new EnginePair(new RecordedEngine(target, model, "target"),
                draft == null ? null : new RecordedEngine(draft, model, "draft"), more);
    }

    @Override
    public void close() {
        try {
            further.values().forEach(Engine::close);
            if (draft != null) {
                draft.close();
            }
        } finally {
            target.close();
        }
    }
}
