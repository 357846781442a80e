package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import com.fasterxml.jackson.databind.JsonNode;

/** Opens one file of weights, or all that an index names. */
final class Shards {

    static final String INDEX_SUFFIX = ".index.json";

    private final Function<WeightFile, List<StoredTensor>> reader;
    private final List<WeightFile> files = new ArrayList<>();

    /** @param reader finds the tensors in one file */
    Shards(Function<WeightFile, List<StoredTensor>> reader) {
        this.reader = reader;
    }

    Checkpoint open(Path path) {
        try {
            List<StoredTensor> tensors = path.getFileName().toString().endsWith(INDEX_SUFFIX) ? readIndexed(path)
                    : read(path);
            return new StoredCheckpoint(path.toString(), tensors, files);
        } catch (RuntimeException e) {
            files.forEach(WeightFile::close);
            throw e;
        }
    }

    private List<StoredTensor> read(Path path) {
        WeightFile file = WeightFile.open(path);
        files.add(file);
        return reader.apply(file);
    }

    private List<StoredTensor> readIndexed(Path index) {
        JsonFile map = JsonFile.read(index).object("weight_map");
        Map<String, Map<String, StoredTensor>> shards = new LinkedHashMap<>();
        List<StoredTensor> tensors = new ArrayList<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = map.root().fields(); it.hasNext();) {
            Map.Entry<String, JsonNode> entry = it.next();
            String shard = entry.getValue().asText();
            StoredTensor tensor = shards.computeIfAbsent(shard, name -> readShard(index, name)).get(entry.getKey());
            if (tensor == null) {
                throw new CheckpointException(index + " places tensor " + entry.getKey() + " in " + shard
                        + ", which does not hold it");
            }
            tensors.add(tensor);
        }
        return tensors;
    }

    private Map<String, StoredTensor> readShard(Path index, String name) {
        Path folder = index.toAbsolutePath().normalize().getParent();
        Path shard = folder.resolve(name).normalize();
        if (name.isEmpty() || !folder.equals(shard.getParent())) {
            throw new CheckpointException(index + " names a shard outside of its folder: " + name);
        }
        if (!Files.exists(shard)) {
            throw new CheckpointException(shard + " does not exist, though " + index.getFileName()
                    + " names it; download the missing shard");
        }
        Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        read(shard).forEach(tensor -> tensors.put(tensor.info().name(), tensor));
        return tensors;
    }
}
