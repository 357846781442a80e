package io.quarkiverse.eagle.onnxruntime;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class KvPoolBuffersTest {

    private static final int MANY_ROWS = 1 << 24;

    @Test
    void aPoolThatCannotGrowIsOfUseForShorterStepsAgain() {
        KvPoolBuffers pool = new KvPoolBuffers(null, 2, 2, 1, 64, MANY_ROWS);
        pool.ensureRows(64);
        assertThatThrownBy(() -> pool.ensureRows(MANY_ROWS / 2)).hasMessageContaining("use fewer slots");
        assertThatCode(() -> {
            pool.ensureRows(200);
            pool.copy(1, 0, 200);
            pool.ensureRows(300);
        }).doesNotThrowAnyException();
    }
}
