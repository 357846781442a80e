package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.logging.Level;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import org.jboss.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The scheduler in many random lives, each decided by its seed: whatever arrives, asks, stops, leaves or breaks, every answer
 * is plain decoding's, and nobody waits for ever. {@code -Dsimulation.seed=N} runs one life alone, {@code -Dsimulation.seeds=N}
 * so
 * many from the first on.
 */
class SchedulerSimulationTest {

    private static final Logger LOG = Logger.getLogger(SchedulerSimulationTest.class);
    private static final Long ALONE = Long.getLong("simulation.seed");
    private static final long SEEDS = Long.getLong("simulation.seeds", 4_000);

    /** Faults are planned here; what the loop says of them would be most of the log. */
    private static final List<java.util.logging.Logger> LOOP = Stream.of(DecodeLoop.class, TargetSteps.class)
            .map(type -> java.util.logging.Logger.getLogger(type.getName())).toList();

    @BeforeAll
    static void silenceTheLoop() {
        LOOP.forEach(logger -> logger.setLevel(Level.OFF));
    }

    @AfterAll
    static void letTheLoopSpeakAgain() {
        LOOP.forEach(logger -> logger.setLevel(null));
    }

    @Test
    void keepsItsPromisesInEveryLife() {
        if (ALONE != null) {
            run(ALONE);
            return;
        }
        long start = System.nanoTime();
        // Lives share nothing.
        long tokens = LongStream.range(0, SEEDS).parallel().map(SchedulerSimulationTest::run).sum();
        double seconds = (System.nanoTime() - start) / 1e9;
        LOG.infof("%d lives in %.1f s, %.0f a second, %d tokens", SEEDS, seconds, SEEDS / seconds, tokens);
        assertThat(tokens).isGreaterThan(10 * SEEDS);
    }

    private static int run(long seed) {
        try {
            ScheduleRun life = new ScheduleRun(seed);
            life.run();
            return life.tokens();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("seed " + seed + ": " + e.getMessage() + " (alone: -Dsimulation.seed=" + seed + ")", e);
        }
    }
}
