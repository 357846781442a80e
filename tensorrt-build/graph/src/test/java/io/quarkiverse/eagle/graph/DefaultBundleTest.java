package io.quarkiverse.eagle.graph;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.source.ProgressListener;

class DefaultBundleTest {

    @TempDir
    private Path folder;

    /** A server and an application compare checksums, and each may have built the bundle itself. */
    @Test
    void isTheSameToTheLastByteWhereverItIsBuilt() throws IOException {
        Path kept = DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE);
        Files.createSymbolicLink(folder.resolve("downloads"), DefaultBundle.cacheFolder().resolve("downloads"));
        Path built = DefaultBundle.ensure(folder, ProgressListener.NONE);
        assertThat(Bundle.open(built).manifest()).isEqualTo(Bundle.open(kept).manifest());
        assertThat(Files.readString(built.resolve(BundleManifest.FILE))).doesNotContain(folder.toString());
    }
}
