package io.quarkiverse.eagle.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;

/**
 * All that an open model came from. Two models of equal origin are the same model.
 *
 * @param configuration every property of the model
 * @param bundles its bundle, and its draft model's if it has one
 */
record ModelOrigin(String configuration, List<BundleState> bundles) {

    /**
     * A bundle as it lies on disk.
     *
     * @param checksum the manifest's
     * @param files the files that the manifest names; they are not read, only looked at
     */
    record BundleState(Path folder, String checksum, List<FileState> files) {

        static BundleState of(Path folder) throws IOException {
            Bundle bundle = Bundle.openUnverified(folder);
            List<FileState> files = new ArrayList<>();
            for (BundleManifest.FileEntry entry : bundle.manifest().files()) {
                Path file = bundle.file(entry.path());
                if (Files.exists(file)) {
                    files.add(new FileState(entry.path(), Files.size(file), Files.getLastModifiedTime(file)));
                }
            }
            return new BundleState(folder.toAbsolutePath(), bundle.manifest().checksum(), files);
        }
    }

    /** A file that was not written since. */
    record FileState(String path, long size, FileTime modified) {
    }

    /** The origin of a configured model; null when it cannot be told whether the model would be the same another time. */
    static ModelOrigin of(ModelConfig config) {
        if (config.bundle().isEmpty() || config.triton().tlsConfigurationName().isPresent()) {
            return null; // nothing to open, or keys and certificates that are not looked at
        }
        try {
            List<BundleState> bundles = new ArrayList<>();
            bundles.add(BundleState.of(config.bundle().get()));
            if (config.draftBundle().isPresent()) {
                bundles.add(BundleState.of(config.draftBundle().get()));
            }
            return new ModelOrigin(config.toString(), bundles);
        } catch (IOException | BundleException e) {
            return null; // opening it says what is wrong
        }
    }
}
