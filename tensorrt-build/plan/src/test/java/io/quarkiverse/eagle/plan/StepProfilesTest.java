package io.quarkiverse.eagle.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Profile;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Range;

class StepProfilesTest {

    private BundleManifest manifest;

    @BeforeEach
    void bundle(@TempDir Path folder) throws IOException {
        manifest = TinyBundle.write(folder, "tensorrt", true).manifest();
    }

    @Test
    void theFirstProfileOfATargetCoversAnyStepAndIsFastestForATree() {
        Profile any = new StepProfiles(manifest, manifest.targetGraph()).of(PlanOptions.Profiles.COVERING).get(0);
        assertThat(any.inputs()).contains(
                new Range("input_ids", List.of(1L, 1L), List.of(1L, 61L), List.of(4L, 128L)),
                new Range("keep_rows", List.of(1L, 0L), List.of(1L, 6L), List.of(4L, 128L)),
                new Range("window_mask", List.of(1L, 1L, 1L), List.of(1L, 61L, 67L), List.of(4L, 128L, 256L)),
                new Range("past_v_1", List.of(1L, 3L, 512L, 16L), List.of(1L, 3L, 512L, 16L), List.of(4L, 3L, 512L, 16L)));
        assertThat(any.inputs()).extracting(Range::input).doesNotContain("features", "write_offset", "past_k_2");
    }

    @Test
    void aDraftTakesFeaturesAndKeepsNothing() {
        Profile any = new StepProfiles(manifest, manifest.draftGraph()).of(PlanOptions.Profiles.COVERING).get(0);
        assertThat(any.inputs()).contains(
                new Range("features", List.of(1L, 1L, 48L), List.of(1L, 10L, 48L), List.of(4L, 128L, 48L)),
                new Range("window_mask", List.of(1L, 1L, 1L), List.of(1L, 10L, 61L), List.of(4L, 128L, 128L)));
        assertThat(any.inputs()).extracting(Range::input).doesNotContain("keep_rows", "past_k_1");
    }

    @Test
    void everyUsualShapeLiesBetweenTheLeastAndTheMost() {
        for (BundleManifest.Graph graph : List.of(manifest.targetGraph(), manifest.draftGraph())) {
            for (Profile profile : new StepProfiles(manifest, graph).of(PlanOptions.Profiles.EACH)) {
                assertThat(profile.inputs()).allSatisfy(range -> {
                    for (int i = 0; i < range.least().size(); i++) {
                        assertThat(range.usual().get(i)).as(profile.name() + " " + range)
                                .isBetween(range.least().get(i), range.most().get(i));
                    }
                });
            }
        }
    }
}
