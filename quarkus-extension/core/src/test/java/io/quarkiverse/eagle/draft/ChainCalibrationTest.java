package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;

import org.junit.jupiter.api.Test;

class ChainCalibrationTest {

    @Test
    void valuesBecomeTheFrequenciesThatWereSeen() {
        ChainCalibration calibration = new ChainCalibration(2, 3);
        Random random = new Random(4);
        for (int i = 0; i < 4000; i++) {
            for (int place = 0; place < 3; place++) {
                boolean same = random.nextInt(10) < 8 - 3 * place;
                calibration.saw(2, place, same);
                if (!same) {
                    break;
                }
            }
        }
        float[] values = new float[3];
        calibration.values(2, 3, values);
        assertThat(Math.exp(values[0])).isCloseTo(0.8, within(0.1));
        assertThat(Math.exp(values[1])).isCloseTo(0.8 * 0.5, within(0.12));
        assertThat(Math.exp(values[2])).isCloseTo(0.8 * 0.5 * 0.2, within(0.06));
    }

    @Test
    void longerMatchesAreTrustedMoreAtFirst() {
        ChainCalibration calibration = new ChainCalibration(3, 2);
        float[] unsure = new float[2];
        float[] sure = new float[2];
        calibration.values(1, 2, unsure);
        calibration.values(3, 2, sure);
        assertThat(sure[0]).isGreaterThan(unsure[0]);
        assertThat(sure[1]).isLessThan(sure[0]).isGreaterThan(unsure[1]);
    }
}
