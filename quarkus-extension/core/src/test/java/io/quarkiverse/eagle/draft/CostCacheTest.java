package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyTarget;

/** Costs over an engine whose steps take what the test says, by a clock that the test owns. */
class CostCacheTest {

    @TempDir
    private Path folder;
    private final ToyTarget engine = new ToyTarget(ToyLanguage.endless(), 1, 256, 64, 4, true);
    private long now;
    private long nanosPerRow = 1_000_000;

    @BeforeEach
    void everyRowOfAStepTakesItsTime() {
        engine.beforeEveryStep(request -> now += nanosPerRow * request.rows());
    }

    private CostCurve curve(String setup, String name) {
        return new CostCache(folder, setup).curve(name, engine, 64, () -> now);
    }

    private CostCurve curve() {
        return curve("machine", "bundle target");
    }

    private int stepsOf(Runnable action) {
        int before = engine.steps();
        action.run();
        return engine.steps() - before;
    }

    @Test
    void measuresTheFastestOfEverySize() {
        CostCurve curve = curve();
        assertThat(curve.at(2)).isCloseTo(0.002, within(1e-9));
        assertThat(curve.at(64)).isCloseTo(0.064, within(1e-9));
    }

    @Test
    void aKeptCurveIsConfirmedByFarFewerStepsThanAMeasurement() {
        int measurement = stepsOf(this::curve);
        int confirmation = stepsOf(this::curve);
        assertThat(confirmation).isPositive().isLessThan(measurement / 4);
        assertThat(curve().at(8)).isCloseTo(0.008, within(1e-9));
    }

    @Test
    void aKeptCurveThatNeedsNoConfirmationCostsNoStep() {
        CostCache trusting = new CostCache(folder, "machine").withoutConfirming();
        assertThat(stepsOf(() -> trusting.curve("bundle target", engine, 64, () -> now))).isPositive();
        nanosPerRow = 1_500_000;
        assertThat(stepsOf(() -> trusting.curve("bundle target", engine, 64, () -> now))).isZero();
        assertThat(trusting.curve("bundle target", engine, 64, () -> now).at(8)).isCloseTo(0.008, within(1e-9));
    }

    @Test
    void aMachineThatBecameSlowerOrFasterIsMeasuredAnew() {
        curve();
        nanosPerRow = 1_500_000;
        assertThat(curve().at(8)).isCloseTo(0.012, within(1e-9));
        nanosPerRow = 1_000_000;
        assertThat(curve().at(8)).isCloseTo(0.008, within(1e-9));
    }

    @Test
    void everySetupAndEngineHasACurveOfItsOwn() throws IOException {
        curve();
        curve("machine", "bundle draft");
        curve("another machine", "bundle target");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(3);
        }
    }

    @Test
    void whatCannotBeReadIsMeasuredAnew() throws IOException {
        curve();
        Path file;
        try (Stream<Path> files = Files.list(folder)) {
            file = files.findFirst().orElseThrow();
        }
        for (String damage : List.of("", "{", "{\"rows\":[2,4],\"seconds\":[1]}", "null")) {
            Files.writeString(file, damage);
            assertThat(curve().at(8)).as(damage).isCloseTo(0.008, within(1e-9));
        }
    }

    @Test
    void aFolderThatCannotBeWrittenOnlyMeansMeasuringEveryTime() throws IOException {
        Path blocked = folder.resolve("blocked");
        Files.writeString(blocked, "a file where a folder should be");
        CostCache cache = new CostCache(blocked, "machine");
        assertThat(cache.curve("engine", engine, 64, () -> now).at(8)).isCloseTo(0.008, within(1e-9));
    }

    @Test
    void whatARunLearnedIsWhereTheNextOneBegins() {
        CostCurve measured = curve();
        double[] learned = measured.seconds().clone();
        learned[4] *= 1.1;
        new CostCache(folder, "machine").keep("bundle target", new CostCurve(measured.rows(), learned, 64, 0.001));
        assertThat(curve().seconds()).containsExactly(learned);
        assertThat(curve().growth()).isEqualTo(0.001);
    }

    @Test
    void measuresHowCostsGrowWithTheContext() {
        ToyTarget deep = new ToyTarget(ToyLanguage.endless(), 1, 1024, 64, 4, true);
        deep.beforeEveryStep(
                request -> now += (long) (1_000_000 * request.rows() * (1 + 0.001 * request.windowStart().get(0))));
        CostCurve curve = new CostCache(folder, "deep").curve("bundle", deep, 64, () -> now);
        assertThat(curve.growthAt(curve.context() + 100) - 1).isCloseTo(100 * 0.001 / (1 + 0.001 * curve.context()),
                within(1e-6));
    }
}
