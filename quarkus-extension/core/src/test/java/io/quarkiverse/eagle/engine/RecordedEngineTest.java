package io.quarkiverse.eagle.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.sun.management.ThreadMXBean;

import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

class RecordedEngineTest {

    private static final EngineShape SHAPE = new EngineShape(2, 64, 8, 4, 10, 3, false);

    private final StepRequest request = new StepRequest(SHAPE, 2, 16, 16);
    private final StepResult result = new StepResult(SHAPE, 16, 16);

    @TempDir
    Path folder;

    @Test
    void aStepThatFailsIsAnEventTooAndKeepsItsReason() throws IOException {
        EngineException reason = new EngineException("the engine is gone");
        Engine engine = new RecordedEngine(new Answering(CompletableFuture.failedFuture(reason)), "toy", "draft");
        request.begin(0, 2, 3, 0, 3, 3);
        List<RecordedEvent> events = recorded(
                () -> assertThatThrownBy(() -> Steps.await(engine.step(request, result))).isSameAs(reason));
        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.getString("model")).isEqualTo("toy");
            assertThat(event.getString("engine")).isEqualTo("draft");
            assertThat(event.getInt("rows")).isEqualTo(3);
            assertThat(event.getInt("batch")).isEqualTo(2);
            assertThat(event.getInt("levels")).isZero();
            assertThat(event.getBoolean("failed")).isTrue();
        });
    }

    @Test
    void aTreeThatIsDraftedInOneRequestIsOneEvent() throws IOException {
        Engine engine = new RecordedEngine(new Answering(null), "toy", "draft");
        TreeRequest tree = new TreeRequest(2);
        request.begin(0, 1, 2, 0, 2, 1);
        tree.begin(1);
        tree.sequence(0, 4, 3, 2);
        List<RecordedEvent> events = recorded(
                () -> Steps.await(engine.treeDrafting().orElseThrow().draft(request, tree, null)));
        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.getInt("rows")).isEqualTo(2);
            assertThat(event.getInt("levels")).isEqualTo(2);
            assertThat(event.getBoolean("failed")).isFalse();
        });
    }

    @Test
    void aStepThatNobodyRecordsAllocatesNothing() {
        CompletionStage<StepResult> done = CompletableFuture.completedFuture(result);
        Engine engine = new RecordedEngine(new Answering(done), "toy", "target");
        assertThat(allocatedBy(() -> engine.step(request, result))).isLessThan(1000);
    }

    /** Bytes of ten thousand calls, after as many that let classes load. */
    private static long allocatedBy(Runnable call) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = 0;
        for (int i = 0; i < 20_000; i++) {
            if (i == 10_000) {
                before = threads.getCurrentThreadAllocatedBytes();
            }
            call.run();
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private List<RecordedEvent> recorded(Runnable steps) throws IOException {
        Path file = folder.resolve("steps.jfr");
        try (Recording recording = new Recording()) {
            recording.enable(EngineStepEvent.NAME);
            recording.start();
            steps.run();
            recording.stop();
            recording.dump(file);
        }
        return RecordingFile.readAllEvents(file);
    }

    /** Answers every step alike. */
    private record Answering(CompletionStage<StepResult> answer) implements Engine {

        @Override
        public EngineShape shape() {
            return SHAPE;
        }

        @Override
        public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
            return answer;
        }

        @Override
        public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
            return answer;
        }

        @Override
        public Optional<TreeDrafting> treeDrafting() {
            return Optional.of((extension, tree, drafted) -> CompletableFuture.completedFuture(drafted));
        }

        @Override
        public void close() {
            // There is nothing to free.
        }
    }
}
