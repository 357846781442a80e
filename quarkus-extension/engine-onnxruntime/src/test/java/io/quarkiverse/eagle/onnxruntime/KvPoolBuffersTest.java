package io.quarkiverse.eagle.onnxruntime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepRequest;

class KvPoolBuffersTest {

    private static final int MANY_ROWS = 1 << 24;
    private static final int SLOTS = 3;
    private static final int HEADS = 2;
    private static final int HEAD_DIM = 4;
    private static final int WINDOW = 8;
    private static final StepRequest REQUEST = new StepRequest(new EngineShape(SLOTS, MANY_ROWS, 64, 1, 1, 0, true), SLOTS, 64,
            64);

    private final KvPoolBuffers pool = new KvPoolBuffers(null, 1, SLOTS, HEADS, HEAD_DIM, 4096);

    @Test
    void aPoolThatCannotGrowIsOfUseForShorterStepsAgain() {
        KvPoolBuffers large = new KvPoolBuffers(null, 2, 2, 1, 64, MANY_ROWS);
        step(large, 0, 56);
        assertThatThrownBy(() -> step(large, 0, MANY_ROWS / 2)).hasMessageContaining("use fewer slots");
        assertThatCode(() -> {
            step(large, 1, 192);
            large.copy(1, 0, 200);
            step(large, 0, 292);
        }).doesNotThrowAnyException();
    }

    @Test
    void becomesShortAgainAfterALongStepAndKeepsWhatTheSlotsHold() {
        fill(0, 100);
        fill(1, 1500);
        assertThat(pool.rows()).isGreaterThanOrEqualTo(1500);
        shortSteps();
        assertThat(pool.rows()).isBetween(108, 192);
        assertHolds(0, 100);
        step(pool, 1, 1500);
        assertHolds(0, 100);
        assertHolds(1, 1500);
    }

    @Test
    void whatWasSetAsideCanBeCopiedAndIsVoidForWhoBeginsAnew() {
        fill(0, 100);
        fill(1, 1500);
        shortSteps();
        pool.copy(1, 2, 1200);
        assertHolds(2, 1200, 1);
        assertHolds(0, 100);
        shortSteps();
        step(pool, 1, 0);
        assertThat(pool.rows()).isLessThan(200);
        step(pool, 2, 700);
        assertHolds(2, 700, 1);
        assertThatThrownBy(() -> pool.copy(1, 0, 9)).hasMessage("9 rows to copy of a slot that holds 8");
    }

    @Test
    void rowsToKeepAreBroughtBackThoughTheyLieBehindTheWindow() {
        fill(0, 100);
        fill(1, 1500);
        shortSteps();
        REQUEST.begin(1, 1, Engine.MIN_ROWS, 2, 2 + Engine.MIN_ROWS, 1);
        REQUEST.windowStart(0, 1400);
        REQUEST.keepRow(0, 0, 1400);
        REQUEST.keepRow(0, 1, 1499);
        pool.prepare(REQUEST);
        assertHolds(1, 1500);
    }

    @Test
    void aLayoutStaysWhileNowAndThenAStepNeedsIt() {
        fill(1, 1500);
        for (int i = 0; i < 10; i++) {
            for (int j = 1; j < KvPoolBuffers.PATIENCE; j++) {
                step(pool, 0, 0);
            }
            step(pool, 1, 1500);
        }
        assertThat(pool.rows()).isGreaterThan(1500);
        assertHolds(1, 1500);
    }

    @Test
    void isShortAtOnceForAPromptThatIsRead() {
        fill(1, 1500);
        step(pool, 0, 0, 2 * KvPoolBuffers.PATIENCE);
        assertThat(pool.rows()).isLessThan(200);
        step(pool, 1, 1500);
        assertHolds(1, 1500);
    }

    @Test
    void aLongSequenceThatDecodesBesideAPromptIsNotSetAsideAgainAndAgain() {
        fill(1, 1500);
        int packed = 0;
        for (int chunk = 0; chunk < 20; chunk++) {
            step(pool, 0, 0, 2 * KvPoolBuffers.PATIENCE);
            packed += pool.rows() < 1500 ? 1 : 0;
            step(pool, 1, 1500);
            assertHolds(1, 1500);
        }
        assertThat(packed).isBetween(1, 3);
        for (int chunk = 0; chunk < 20; chunk++) {
            step(pool, 0, 0, 2 * KvPoolBuffers.PATIENCE);
        }
        assertThat(pool.rows()).as("when prompts alone are read").isLessThan(200);
        step(pool, 1, 1500);
        assertHolds(1, 1500);
        step(pool, 0, 0, 2 * KvPoolBuffers.PATIENCE);
        assertThat(pool.rows()).as("after the layout was short for long").isLessThan(200);
    }

    /** Slot 0 goes on for so long that the layout follows. */
    private void shortSteps() {
        for (int i = 0; i < KvPoolBuffers.PATIENCE; i++) {
            step(pool, 0, 100);
        }
    }

    /** The slot's window begins behind so many rows. */
    private static void step(KvPoolBuffers of, int slot, int start) {
        step(of, slot, start, Engine.MIN_ROWS);
    }

    private static void step(KvPoolBuffers of, int slot, int start, int rows) {
        REQUEST.begin(slot, 1, rows, 0, Math.max(rows, WINDOW), 1);
        REQUEST.windowStart(0, start);
        of.prepare(REQUEST);
    }

    private void fill(int slot, int rows) {
        step(pool, slot, rows - WINDOW);
        for (int index = 0; index < 2; index++) {
            for (int head = 0; head < HEADS; head++) {
                for (int row = 0; row < rows; row++) {
                    buffer(index).putFloat(offset(slot, head, row), value(index, slot, head, row));
                }
            }
        }
    }

    private void assertHolds(int slot, int rows) {
        assertHolds(slot, rows, slot);
    }

    /** Rows of a slot are those that were written to another one. */
    private void assertHolds(int slot, int rows, int writer) {
        for (int index = 0; index < 2; index++) {
            for (int head = 0; head < HEADS; head++) {
                for (int row = 0; row < rows; row++) {
                    assertThat(buffer(index).getFloat(offset(slot, head, row))).as("row %d of slot %d", row, slot)
                            .isEqualTo(value(index, writer, head, row));
                }
            }
        }
    }

    private ByteBuffer buffer(int index) {
        return pool.pool(index);
    }

    private int offset(int slot, int head, int row) {
        return ((slot * HEADS + head) * pool.rows() + row) * HEAD_DIM * Float.BYTES;
    }

    private static float value(int index, int slot, int head, int row) {
        return 10 * row + 4 * slot + 2 * head + index;
    }
}
