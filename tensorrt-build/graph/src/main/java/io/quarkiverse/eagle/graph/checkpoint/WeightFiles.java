package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Finds and opens the weights of a model or a head. */
final class WeightFiles {

    private static final List<String> NAMES = List.of(
            "model.safetensors",
            "model.safetensors" + Shards.INDEX_SUFFIX,
            "pytorch_model.bin",
            "pytorch_model.bin" + Shards.INDEX_SUFFIX,
            "medusa_lm_head.safetensors",
            "medusa_lm_head.pt");

    private WeightFiles() {
    }

    /** The folder that holds the weights and their configuration. */
    static Path folder(Path folderOrFile) {
        return Files.isDirectory(folderOrFile) ? folderOrFile : folderOrFile.toAbsolutePath().getParent();
    }

    /** The first in the usual order, safetensors before PyTorch's own format; or the file itself. */
    static Checkpoint open(Path folderOrFile) {
        if (!Files.exists(folderOrFile)) {
            throw new CheckpointException(folderOrFile + " does not exist");
        }
        if (!Files.isDirectory(folderOrFile)) {
            return openFile(folderOrFile);
        }
        for (String name : NAMES) {
            if (Files.exists(folderOrFile.resolve(name))) {
                return openFile(folderOrFile.resolve(name));
            }
        }
        throw new CheckpointException(folderOrFile + " has no weights; expected one of " + String.join(", ", NAMES));
    }

    private static Checkpoint openFile(Path file) {
        String name = file.getFileName().toString();
        boolean safetensors = name.endsWith(".safetensors") || name.endsWith(".safetensors" + Shards.INDEX_SUFFIX);
        return safetensors ? SafetensorsCheckpoint.open(file) : TorchCheckpoint.open(file);
    }
}
