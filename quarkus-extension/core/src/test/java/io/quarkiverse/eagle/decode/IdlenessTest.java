package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.toy.Consumer;

class IdlenessTest {

    private final Consumer consumer = new Consumer(0);
    private final TokenStream stream = new TokenStream(consumer, Runnable::run, () -> {
    });
    private final Idleness idleness = new Idleness(stream);

    IdlenessTest() {
        consumer.onSubscribe(stream);
    }

    private void emit(int count) {
        for (int i = 0; i < count; i++) {
            stream.emit(new GeneratedToken(i, 0, "a", Float.NaN, List.of(), null));
        }
    }

    @Test
    void aConsumerIsNotIdleWhileFewTokensWaitForIt() {
        assertThat(idleness.nanos(10)).isZero();
        emit(64);
        assertThat(idleness.nanos(50)).isZero();
        emit(1);
        assertThat(idleness.nanos(70)).isEqualTo(20);
    }

    @Test
    void everyTokenThatItTakesBeginsItsTimeAnew() {
        emit(TokenStream.CAPACITY);
        assertThat(idleness.nanos(10)).isZero();
        assertThat(idleness.nanos(40)).isEqualTo(30);
        consumer.request(1);
        assertThat(idleness.nanos(60)).isZero();
        assertThat(idleness.nanos(75)).isEqualTo(15);
        consumer.request(1);
        emit(1);
        assertThat(idleness.nanos(90)).isZero();
    }
}
