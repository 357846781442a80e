package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * A draft head in the checkpoint form that EAGLE and EAGLE-2 share: {@code config.json}, optionally
 * {@code token_frequency.json}, and the weights {@code fc.weight [h, 2h]}, optional {@code fc.bias [h]}, decoder layers
 * {@code layers.N.…} of the target's kind, the first without an input norm.
 */
public final class EagleHead implements DraftHead {

    static final String FREQUENCIES = "token_frequency.json";

    private final ModelConfig config;
    private final Checkpoint checkpoint;
    private final boolean fcBias;
    private final int[] tokensByFrequency;

    private EagleHead(ModelConfig config, Checkpoint checkpoint, boolean fcBias, int[] tokensByFrequency) {
        this.config = config;
        this.checkpoint = checkpoint;
        this.fcBias = fcBias;
        this.tokensByFrequency = tokensByFrequency;
    }

    /**
     * Opens a folder, or the folder around a file of weights; the tensors are checked against the configuration.
     *
     * @throws CheckpointException when the head is of another kind, or its weights do not fit its configuration
     */
    public static EagleHead open(Path folderOrFile) {
        Path folder = WeightFiles.folder(folderOrFile);
        Checkpoint checkpoint = WeightFiles.open(folderOrFile);
        try {
            return read(folder, checkpoint);
        } catch (RuntimeException e) {
            Heads.close(checkpoint);
            throw e;
        }
    }

    static EagleHead read(Path folder, Checkpoint checkpoint) {
        if (Eagle3Head.isOne(checkpoint)) {
            throw new CheckpointException(checkpoint.source() + " is an EAGLE-3 head; expected an EAGLE or EAGLE-2 head");
        }
        if (!checkpoint.tensors().containsKey("fc.weight")) {
            throw new CheckpointException(checkpoint.source()
                    + " is no EAGLE head: it has no tensor fc.weight [hidden, 2 * hidden]");
        }
        // Published configurations copy the target's, which does not tell whether the head was trained with biases.
        ModelConfig config = HuggingFaceConfig.read(folder)
                .withQkvBias(checkpoint.tensors().containsKey("layers.0.self_attn.q_proj.bias"));
        boolean fcBias = fcBias(JsonFile.read(folder.resolve("config.json")), checkpoint);
        DecoderTensors.ofHead(config, fcBias).check(checkpoint, "layers.");
        return new EagleHead(config, checkpoint, fcBias, frequencies(folder, config.vocabulary()));
    }

    /** Absent from a configuration, it is true: so the first published heads were made. */
    private static boolean fcBias(JsonFile config, Checkpoint checkpoint) {
        boolean announced = config.flag("bias", true);
        boolean found = checkpoint.tensors().containsKey("fc.bias");
        if (announced && !found) {
            throw new CheckpointException(checkpoint.source() + " has no tensor fc.bias, which " + config.path()
                    + (config.has("bias") ? " announces" : " implies by not saying \"bias\": false")
                    + "; correct whichever is wrong");
        }
        if (found && !announced) {
            throw new CheckpointException(checkpoint.source() + " has a tensor fc.bias, but " + config.path()
                    + " says \"bias\": false; correct whichever is wrong");
        }
        return announced;
    }

    static int[] frequencies(Path folder, int vocabulary) {
        Path file = folder.resolve(FREQUENCIES);
        if (!Files.exists(file)) {
            return new int[0];
        }
        JsonNode ids = JsonFile.parse(file);
        if (!ids.isArray() || ids.size() != vocabulary) {
            throw new CheckpointException(file + " lists " + ids.size() + " token ids; expected all " + vocabulary
                    + " of the vocabulary, most frequent first");
        }
        int[] tokens = new int[vocabulary];
        boolean[] seen = new boolean[vocabulary];
        for (int i = 0; i < vocabulary; i++) {
            int id = ids.get(i).asInt(-1);
            if (id < 0 || id >= vocabulary || seen[id]) {
                throw new CheckpointException(file + ": entry " + i + " is " + ids.get(i)
                        + "; expected every id from 0 to " + (vocabulary - 1) + " once");
            }
            seen[id] = true;
            tokens[i] = id;
        }
        return tokens;
    }

    @Override
    public String source() {
        return checkpoint.source();
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    @Override
    public boolean fcBias() {
        return fcBias;
    }

    @Override
    public int[] tokensByFrequency() {
        return tokensByFrequency.clone();
    }

    @Override
    public void close() {
        Heads.close(checkpoint);
    }
}
