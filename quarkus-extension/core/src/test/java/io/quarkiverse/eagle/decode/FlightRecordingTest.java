package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.tree.DraftTree;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** What Java Flight Recorder sees of a generation. */
class FlightRecordingTest {

    private static final String STEP = "io.quarkiverse.eagle.EngineStep";

    @TempDir
    Path folder;

    @Test
    void everyCycleAndEveryStepIsAnEvent() throws IOException {
        Told told = new Told();
        GenerationResult result;
        Path file = folder.resolve("generation.jfr");
        try (ToyModel toy = ToyModel.of(ToyLanguage.endless()).noise(0.3).open(); Recording recording = new Recording()) {
            GenerationOptions options = GenerationOptions.defaults().withDrafter("eagle2").withMaxTokens(60)
                    .withBudget(new TreeBudget(12, 4, 3));
            recording.enable(CycleEvent.NAME);
            recording.enable(STEP);
            recording.start();
            result = toy.model().stream(ToyModel.request(ToyModel.prompt(40, 1), options), told).collect().last()
                    .await().indefinitely().result();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertThat(events.stream().filter(event -> event.getEventType().getName().equals(CycleEvent.NAME))
                .map(FlightRecordingTest::line).toList()).hasSize(result.cycles()).isEqualTo(told.lines);
        List<RecordedEvent> steps = events.stream().filter(event -> event.getEventType().getName().equals(STEP)).toList();
        assertThat(steps).allSatisfy(step -> {
            assertThat(step.getString("model")).isEqualTo("toy");
            assertThat(step.getDuration()).isPositive();
            assertThat(step.getInt("batch")).isEqualTo(1);
        });
        List<Integer> rows = steps.stream().filter(step -> step.getString("engine").equals("target"))
                .map(step -> step.getInt("rows")).toList();
        assertThat(rows.get(0)).as("the prompt's step").isEqualTo(40);
        assertThat(rows.subList(1, rows.size())).as("the cycles' steps").isEqualTo(told.rows);
        assertThat(steps).anyMatch(step -> step.getString("engine").equals("draft"));
    }

    @Test
    void aCycleThatNobodyRecordsIsNotEvenLookedAt() {
        CycleEvent.record("toy", null, 1, 0, 0, 0);
    }

    private static String line(RecordedEvent event) {
        return event.getString("drafter") + " in slot " + event.getInt("slot") + ": " + event.getInt("nodes") + " nodes of "
                + event.getInt("candidates") + ", " + event.getInt("accepted") + " accepted, " + event.getInt("tokens")
                + " tokens, " + event.getLong("draft") + " " + event.getLong("verify") + " " + event.getLong("host") + " ns";
    }

    /** What the listener of the same generation was told. */
    private static final class Told implements CycleListener {

        private final List<String> lines = new ArrayList<>();
        private final List<Integer> rows = new ArrayList<>();
        private String times;

        @Override
        public void timed(long draft, long verify, long host) {
            times = draft + " " + verify + " " + host + " ns";
        }

        @Override
        public void verified(int root, DraftTree tree, int[] accepted, int[] emitted, int emittedCount) {
            lines.add("eagle2 in slot 0: " + tree.size() + " nodes of " + tree.candidates() + ", " + (emittedCount - 1)
                    + " accepted, " + emittedCount + " tokens, " + times);
            rows.add(Math.max(2, tree.size() + 1));
        }
    }
}
