package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Path;

/**
 * A trained EAGLE draft head of any generation, which drafts from the target's features: a projection {@code fc} and decoder
 * layers of the target's kind.
 */
public sealed interface DraftHead extends Head permits EagleHead, Eagle3Head {

    /** Dimensions of the head's own layers; {@link ModelConfig#layers()} is usually 1. */
    ModelConfig config();

    /** Whether {@code fc} has a bias. */
    boolean fcBias();

    /**
     * Opens a folder, or the folder around a file of weights; the tensors show the generation.
     *
     * @throws CheckpointException when the head is of another kind, or its weights do not fit its configuration
     */
    static DraftHead open(Path folderOrFile) {
        Checkpoint checkpoint = WeightFiles.open(folderOrFile);
        try {
            Path folder = WeightFiles.folder(folderOrFile);
            return Eagle3Head.isOne(checkpoint) ? Eagle3Head.read(folder, checkpoint) : EagleHead.read(folder, checkpoint);
        } catch (RuntimeException e) {
            Heads.close(checkpoint);
            throw e;
        }
    }
}
