package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.FeatureHeads;
import io.quarkiverse.eagle.graph.checkpoint.Head;
import io.quarkiverse.eagle.graph.model.Acceptance;
import io.quarkiverse.eagle.graph.source.ModelSources;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * The heads that a bundle is built with, one of a kind.
 *
 * @param eagle null for none
 * @param further Medusa and Hydra heads
 * @param acceptance what the EAGLE head was measured to reach, may be empty
 */
record OpenHeads(DraftHead eagle, List<FeatureHeads> further, List<BundleManifest.Acceptance> acceptance)
        implements
            AutoCloseable {

    static OpenHeads open(List<String> sources, Path downloads, ProgressListener progress) {
        OpenHeads opened = new OpenHeads(null, new ArrayList<>(), List.of());
        try {
            for (String source : sources) {
                Head head = ModelSources.openAnyHead(source, downloads, progress);
                try {
                    opened = opened.with(head, source);
                } catch (UsageException e) {
                    close(head);
                    throw e;
                }
            }
            return opened;
        } catch (RuntimeException e) {
            opened.closeQuietly(e);
            throw e;
        }
    }

    private OpenHeads with(Head head, String source) {
        if (head instanceof FeatureHeads heads) {
            if (further.stream().anyMatch(other -> other.kind() == heads.kind())) {
                throw new UsageException("--head " + source + " has " + heads.kind().text()
                        + " heads, and so has another --head; give one of a kind");
            }
            further.add(heads);
            return this;
        }
        if (eagle != null) {
            throw new UsageException("--head " + source + " is an EAGLE head, and so is another --head; give one of a kind");
        }
        Path folder = Path.of(source);
        return new OpenHeads((DraftHead) head, further,
                Files.isDirectory(folder) ? Acceptance.read(folder) : List.of());
    }

    /** Whether a head ranks the tokens by frequency. */
    boolean ranked() {
        return eagle != null && eagle.tokensByFrequency().length > 0
                || !further.isEmpty() && further.stream().allMatch(heads -> heads.tokensByFrequency().length > 0);
    }

    private static void close(Head head) {
        try {
            head.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void closeQuietly(RuntimeException reason) {
        try {
            close();
        } catch (IOException e) {
            reason.addSuppressed(e);
        }
    }

    @Override
    public void close() throws IOException {
        for (FeatureHeads heads : further) {
            heads.close();
        }
        if (eagle != null) {
            eagle.close();
        }
    }
}
