package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Opens a head of whatever kind its tensors show. */
public final class Heads {

    private Heads() {
    }

    /**
     * Opens a folder, or the folder around a file of weights.
     *
     * @return a {@link DraftHead} or {@link FeatureHeads}
     * @throws CheckpointException when the head is of no kind that has a graph here, or its weights do not fit its
     *         configuration
     */
    public static Head open(Path folderOrFile) {
        Checkpoint checkpoint = WeightFiles.open(folderOrFile);
        try {
            FeatureHeads.Kind kind = FeatureHeads.kindOf(checkpoint);
            if (kind != null) {
                return FeatureHeads.read(WeightFiles.folder(folderOrFile), checkpoint, kind);
            }
        } catch (RuntimeException e) {
            close(checkpoint);
            throw e;
        }
        close(checkpoint);
        return DraftHead.open(folderOrFile);
    }

    static void close(Checkpoint checkpoint) {
        try {
            checkpoint.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
