package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * A build holds neither the checkpoint nor the bundle in memory: checkpoints of 16 GB become int8 bundles in a JVM of 1 GB.
 * Their
 * weights are zeros that take no room on the disk, but a bundle's bytes are real. So the usual test has layers of LLaMA 3.1 8B,
 * two of them and with fewer tokens, behind 15 GB of another part of the model: all that is read lies beyond 32-bit offsets,
 * and
 * the bundle has 0.9 GB. The whole model, whose bundle has 9 GB, is built with the Maven profile {@code slow}.
 */
class LargeCheckpointTest {

    private static final long GIGABYTE = 1L << 30;

    @TempDir
    Path folder;

    @Test
    void layersOfAnEightBillionModelAreBuiltInOneGigabyte() throws IOException, InterruptedException {
        ModelConfig large = GeneratedCheckpoints.llama8b();
        ModelConfig config = new ModelConfig("llama", 32000, large.hidden(), large.intermediate(), 2, large.heads(),
                large.kvHeads(), large.headDim(), large.normEpsilon(), large.ropeTheta(), large.ropeScaling(), false, false,
                large.maxPositions(), 1, List.of(2));
        assumeRoom(2 * GIGABYTE);
        Path model = GeneratedCheckpoints.writeSparse(folder.resolve("model"), config, "BF16", 15 * GIGABYTE);
        assertThat(Files.size(model.resolve("model.safetensors"))).isGreaterThan(16 * GIGABYTE);

        assertThat(build(model).manifest().targetGraph().layers()).isEqualTo(2);
    }

    @Test
    @Tag("slow")
    void anEightBillionModelIsBuiltInOneGigabyte() throws IOException, InterruptedException {
        assumeRoom(12 * GIGABYTE);
        Path model = GeneratedCheckpoints.writeSparse(folder.resolve("model"), GeneratedCheckpoints.llama8b(), "BF16");
        assertThat(Files.size(model.resolve("model.safetensors"))).isGreaterThan(14 * GIGABYTE);

        assertThat(build(model).manifest().targetGraph().layers()).isEqualTo(32);
    }

    private void assumeRoom(long bytes) throws IOException {
        long usable = Files.getFileStore(folder).getUsableSpace();
        assumeTrue(usable > bytes, () -> folder + " has room for " + usable + " bytes; this test needs " + bytes);
    }

    /** Builds in a JVM of its own; the bundle is whole. */
    private Bundle build(Path model) throws IOException, InterruptedException {
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle");
        Path log = folder.resolve("build.log");
        int status = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g",
                "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), Build.class.getName(), model.toString(),
                out.toString()).redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
        assertThat(status).as(Files.readString(log)).isZero();
        Bundle bundle = Bundle.openUnverified(out);
        for (BundleManifest.FileEntry file : bundle.manifest().files()) {
            assertThat(bundle.file(file.path())).hasSize(file.size());
        }
        return bundle;
    }

    /** The program of that JVM: model, bundle. */
    static final class Build {

        private Build() {
        }

        public static void main(String[] arguments) throws IOException {
            try (HuggingFaceModel model = HuggingFaceModel.open(Path.of(arguments[0]))) {
                new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE, 1,
                        2048, 0), ProgressListener.NONE).build(model, null, List.of(), Path.of(arguments[1]));
            }
        }
    }
}
