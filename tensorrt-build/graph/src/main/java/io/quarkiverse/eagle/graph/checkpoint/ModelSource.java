package io.quarkiverse.eagle.graph.checkpoint;

import java.io.Closeable;
import java.nio.file.Path;

/**
 * Everything that a bundle needs of a model: its configuration, its weights, its tokenizer and its chat template. Opened from a
 * Hugging Face folder or a GGUF file by {@code graph.source.ModelSources}.
 */
public interface ModelSource extends Closeable {

    /** A short name for the bundle, for example {@code SmolLM2-135M-Instruct}. */
    String name();

    ModelConfig config();

    Checkpoint checkpoint();

    /**
     * Writes {@code tokenizer.json} (Hugging Face tokenizers format) and, where the model has one,
     * {@code chat_template.jinja} into the folder.
     */
    void writeTokenizer(Path folder);
}
