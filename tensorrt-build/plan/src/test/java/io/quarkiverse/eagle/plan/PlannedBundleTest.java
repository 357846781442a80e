package io.quarkiverse.eagle.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.TensorRtPlans;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Profile;

class PlannedBundleTest {

    @TempDir
    private Path folder;

    /** Stands where TensorRT would: writes down the graph that it was given. */
    private static final class WritesDown implements PlanCompiler {

        private final String refused;
        private final String computeCapability;

        WritesDown(String refused) {
            this(refused, "9.0");
        }

        WritesDown(String refused, String computeCapability) {
            this.refused = refused;
            this.computeCapability = computeCapability;
        }

        @Override
        public Machine machine() {
            return new Machine("11.2.0", "Some GPU", computeCapability);
        }

        @Override
        public String compile(Path graph, Path plan, List<Profile> profiles, PlanOptions options) {
            if (graph.toString().contains(refused)) {
                throw new PlanException("refused " + graph);
            }
            try {
                Files.writeString(plan, "plan from " + Files.readString(graph) + " for " + profiles.size());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return "{\"Layers\":[]}";
        }
    }

    @Test
    void recordsWhatEachPlanWasBuiltWithAndListsItWithItsHash() throws IOException {
        Bundle source = TinyBundle.write(folder.resolve("source"), "tensorrt", true);
        List<String> begun = new ArrayList<>();
        new PlannedBundle(source, new PlanOptions(3, 0, true, PlanOptions.Hardware.AMPERE_PLUS, null,
                PlanOptions.Profiles.EACH)).write(folder.resolve("planned"), new WritesDown("nothing"), begun::add);
        Bundle planned = Bundle.open(folder.resolve("planned"));
        TensorRtPlans plans = planned.manifest().plans();
        assertThat(plans.tensorrt()).isEqualTo("11.2.0");
        assertThat(plans.gpu()).isEqualTo("Some GPU");
        assertThat(plans.computeCapability()).isEqualTo("9.0");
        assertThat(plans.versionCompatible()).isTrue();
        assertThat(plans.hardware()).isEqualTo("ampere-plus");
        assertThat(plans.engines()).extracting(TensorRtPlans.Engine::file)
                .containsExactly("target/model.plan", "draft/model.plan").isEqualTo(begun);
        assertThat(plans.engines().get(0).profiles()).extracting(Profile::name)
                .containsExactly("any", "lone-row", "tree", "prefill");
        assertThat(planned.file("target/model.plan")).hasContent("plan from content of target/model.onnx for 4");
        assertThat(planned.manifest().files()).hasSize(source.manifest().files().size() + 4);
        Files.writeString(planned.file("draft/model.plan"), "plan from content of graft/model.onnx for 4");
        assertThatThrownBy(() -> Bundle.open(folder.resolve("planned"))).isInstanceOf(BundleException.class)
                .hasMessageContaining("model.plan is damaged");
    }

    @Test
    void plansOfAPlannedBundleAreBuiltAnew() throws IOException {
        Bundle source = TinyBundle.write(folder.resolve("source"), "tensorrt", false);
        new PlannedBundle(source, PlanOptions.defaults()).write(folder.resolve("once"), new WritesDown("nothing"), plan -> {
        });
        new PlannedBundle(Bundle.open(folder.resolve("once")), PlanOptions.defaults()).write(folder.resolve("twice"),
                new WritesDown("nothing"), plan -> {
                });
        assertThat(Bundle.open(folder.resolve("twice")).manifest()).isEqualTo(Bundle.open(folder.resolve("once")).manifest());
    }

    @Test
    void leavesNothingWhenTensorRtRefusesAGraph() throws IOException {
        Bundle source = TinyBundle.write(folder.resolve("source"), "tensorrt", true);
        PlannedBundle planned = new PlannedBundle(source, PlanOptions.defaults());
        assertThatThrownBy(() -> planned.write(folder.resolve("planned"), new WritesDown("draft"), plan -> {
        })).isInstanceOf(PlanException.class).hasMessageContaining("refused");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(folder.resolve("source"));
        }
        assertThat(Bundle.open(folder.resolve("source")).manifest()).isEqualTo(source.manifest());
    }

    @Test
    void refusesGraphsForACpuAndAFolderThatExists() throws IOException {
        Bundle forCpu = TinyBundle.write(folder.resolve("cpu"), "onnxruntime", false);
        assertThatThrownBy(() -> new PlannedBundle(forCpu, PlanOptions.defaults())).isInstanceOf(PlanException.class)
                .hasMessageContaining("made for onnxruntime in int8").hasMessageContaining("--for tensorrt");
        Bundle forGpu = TinyBundle.write(folder.resolve("gpu"), "tensorrt", false);
        assertThatThrownBy(() -> new PlannedBundle(forGpu, PlanOptions.defaults()).write(folder.resolve("cpu"),
                new WritesDown("nothing"), plan -> {
                })).isInstanceOf(PlanException.class).hasMessageContaining("exists already");
    }

    @Test
    void refusesEightBitFloatsOnGpusThatCannotMultiplyThem() throws IOException {
        Bundle source = TinyBundle.write(folder.resolve("source"), "tensorrt", "fp8-bf16", false);
        PlannedBundle planned = new PlannedBundle(source, PlanOptions.defaults());
        assertThatThrownBy(() -> planned.write(folder.resolve("planned"), new WritesDown("nothing", "8.6"), plan -> {
        })).isInstanceOf(PlanException.class).hasMessageContainingAll("fp8-bf16", "compute capability 8.6", "8.9 is needed",
                "--precision bf16");
        planned.write(folder.resolve("planned"), new WritesDown("nothing", "8.9"), plan -> {
        });
        assertThat(Bundle.open(folder.resolve("planned")).manifest().precision()).isEqualTo("fp8-bf16");
        PlanOptions wide = new PlanOptions(3, 0, false, PlanOptions.Hardware.AMPERE_PLUS, null, PlanOptions.Profiles.COVERING);
        assertThatThrownBy(() -> new PlannedBundle(source, wide)).isInstanceOf(PlanException.class)
                .hasMessageContaining("same-compute-capability");
    }

    @Test
    void aBundleWithoutPlansSaysNothingOfThem() throws IOException {
        Bundle source = TinyBundle.write(folder.resolve("source"), "tensorrt", false);
        assertThat(source.manifest().plans()).isNull();
        assertThat(folder.resolve("source/bundle.json")).content().doesNotContain("plans");
    }

    @Test
    void theContainerRunsTheSameBuild() {
        PlanOptions options = new PlanOptions(5, 2048, true, PlanOptions.Hardware.AMPERE_PLUS, Path.of("/cache/t.bin"),
                PlanOptions.Profiles.EACH);
        String command = new ContainerCommand(Path.of("/models/my bundle"), Path.of("/models/planned"),
                Path.of("/opt/eagle/cli.jar"), Path.of("/opt/jdk"), null, options).text();
        assertThat(command).startsWith("docker run --rm --gpus all")
                .contains("-v '/models/my bundle:/bundle:ro'", "-v /models:/plans", "-v /opt/eagle:/eagle:ro",
                        "-v /opt/jdk:/java:ro", "-v /cache:/timing", "${TRITON_IMAGE:?",
                        "-jar /eagle/cli.jar plan /bundle --out /plans/planned")
                .endsWith("--optimisation-level 5 --workspace 2048 --version-compatible --hardware ampere-plus"
                        + " --profiles each --timing-cache /timing/t.bin");
    }
}
