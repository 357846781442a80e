package io.quarkiverse.eagle.engine;

/**
 * The engines of a bundle.
 *
 * @param target verifies
 * @param draft proposes; null when the bundle has no draft
 */
public record EnginePair(Engine target, Engine draft) implements AutoCloseable {

    @Override
    public void close() {
        try {
            if (draft != null) {
                draft.close();
            }
        } finally {
            target.close();
        }
    }
}
