package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Medusa or Hydra heads: one per level, all on the target's last feature.
 * <ul>
 * <li>Medusa: {@code k.0.linear.weight [h, h]}, {@code k.0.linear.bias [h]}, and {@code k.1.weight [V, h]} unless the heads
 * share the target's output projection. The published {@code medusa_lm_head.pt} of one layer per head is of this form.
 * <li>Hydra: {@code k.in.weight [h, (k + 2) h]}, which reads the feature and the embeddings of k + 1 tokens, the root first,
 * {@code k.in.bias [h]}, {@code k.res.linear.weight [h, h]}, {@code k.res.linear.bias [h]}; the output projection is the
 * target's.
 * </ul>
 */
public final class FeatureHeads implements Head {

    /** What the heads see beside the feature. */
    public enum Kind {
        /** Nothing. */
        MEDUSA("0.0.linear.weight"),
        /** The tokens before their own. */
        HYDRA("0.in.weight");

        private final String mark;

        Kind(String mark) {
            this.mark = mark;
        }

        /** The name of the drafter that runs them. */
        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }

        /** A tensor that heads of this kind have. */
        String tensor(int head) {
            return head + mark.substring(1);
        }
    }

    private final Kind kind;
    private final Checkpoint checkpoint;
    private final int count;
    private final int hidden;
    private final int vocabulary;
    private final int[] tokensByFrequency;

    private FeatureHeads(Kind kind, Checkpoint checkpoint, JsonFile config, int[] tokensByFrequency) {
        this.kind = kind;
        this.checkpoint = checkpoint;
        this.tokensByFrequency = tokensByFrequency;
        int found = 0;
        while (checkpoint.tensors().containsKey(kind.tensor(found))) {
            found++;
        }
        this.count = found;
        this.hidden = Math.toIntExact(checkpoint.tensor(kind.tensor(0)).shape().get(0));
        this.vocabulary = config.has("vocab_size") ? config.size("vocab_size") : 0;
        String announced = kind.text() + "_num_heads";
        // The authors' own configurations count heads that the file may not have.
        if (config.has("model_type") && config.has(announced) && config.size(announced) != count) {
            throw new CheckpointException(checkpoint.source() + " has " + count + " " + kind.text() + " heads, but "
                    + config.path() + " says " + announced + ": " + config.size(announced)
                    + "; correct whichever is wrong");
        }
        if (kind == Kind.MEDUSA && checkpoint.tensors().containsKey("0.1.linear.weight")) {
            throw new CheckpointException(checkpoint.source() + " has Medusa heads of several layers (0.1.linear.weight);"
                    + " only heads of one layer have a graph here");
        }
    }

    /** Whether a checkpoint holds such heads. */
    static Kind kindOf(Checkpoint checkpoint) {
        for (Kind kind : Kind.values()) {
            if (checkpoint.tensors().containsKey(kind.mark)) {
                return kind;
            }
        }
        return null;
    }

    static FeatureHeads read(Path folder, Checkpoint checkpoint, Kind kind) {
        JsonFile config = JsonFile.readIfPresent(folder.resolve("config.json"));
        int[] tokens = new int[0];
        if (Files.exists(folder.resolve(EagleHead.FREQUENCIES))) {
            tokens = EagleHead.frequencies(folder, config.size("vocab_size"));
        }
        return new FeatureHeads(kind, checkpoint, config, tokens);
    }

    public Kind kind() {
        return kind;
    }

    /** How many heads there are: levels of a draft tree. */
    public int count() {
        return count;
    }

    public int hidden() {
        return hidden;
    }

    /** Tokens of the model that the heads were trained for, 0 when nothing says. */
    public int vocabulary() {
        return vocabulary;
    }

    /** Whether each head brings an output projection of its own. */
    public boolean hasOwnProjection() {
        return kind == Kind.MEDUSA && checkpoint.tensors().containsKey("0.1.weight");
    }

    @Override
    public String source() {
        return checkpoint.source();
    }

    @Override
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    @Override
    public int[] tokensByFrequency() {
        return tokensByFrequency.clone();
    }

    @Override
    public void close() {
        try {
            checkpoint.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
