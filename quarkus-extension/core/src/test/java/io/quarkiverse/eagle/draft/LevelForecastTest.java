package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LevelForecastTest {

    private final LevelForecast forecast = new LevelForecast(9);

    /** A tree of the forecast depth, of which {@code paying} levels were worth it; the level after it is judged too. */
    private int after(int paying) {
        forecast.begin();
        for (int level = 1; level <= forecast.levels() + 1; level++) {
            forecast.judge(level <= paying);
        }
        forecast.learn();
        return forecast.levels();
    }

    @Test
    void followsTheDepthThatPaysStepByStep() {
        for (int expected = 4; expected <= 6; expected++) {
            assertThat(after(6)).isEqualTo(expected);
        }
        assertThat(after(6)).isEqualTo(6);
        assertThat(after(5)).isEqualTo(5);
        assertThat(after(0)).isEqualTo(4);
    }

    @Test
    void staysBetweenOneLevelAndTheMost() {
        for (int i = 0; i < 20; i++) {
            after(0);
        }
        assertThat(forecast.levels()).isEqualTo(1);
        for (int i = 0; i < 20; i++) {
            after(99);
        }
        assertThat(forecast.levels()).isEqualTo(9);
    }

    @Test
    void aLevelBelowOneThatDoesNotPayDoesNotCount() {
        forecast.begin();
        forecast.judge(false);
        assertThat(forecast.open()).isFalse();
        forecast.judge(true);
        forecast.judge(true);
        forecast.judge(true);
        forecast.learn();
        assertThat(forecast.levels()).isEqualTo(2);
    }
}
