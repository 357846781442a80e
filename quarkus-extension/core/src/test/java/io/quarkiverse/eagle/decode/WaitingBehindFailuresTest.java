package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** Requests that wait while those before them fail. */
@Timeout(60)
class WaitingBehindFailuresTest {

    @Test
    void aRequestBehindTwoThatFailIsServedThoughNobodyCallsAgain() {
        ToyLanguage language = ToyLanguage.endless();
        try (ToyModel toy = ToyModel.of(language).open()) {
            Gate gate = new Gate();
            AtomicInteger left = new AtomicInteger(2);
            toy.target().beforeEveryStep(request -> {
                gate.accept(request);
                if (left.getAndDecrement() > 0) {
                    throw new EngineException("the device is lost; start the engine again");
                }
            });
            GenerationOptions options = GenerationOptions.defaults().withMaxTokens(20);
            int[] prompt = ToyModel.prompt(5, 1);
            Consumer first = Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, options)));
            gate.awaitArrival();
            Consumer second = Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, options)));
            Consumer third = Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, options)));
            gate.open();
            for (Consumer consumer : List.of(first, second)) {
                assertThat(consumer.awaitFailure()).hasMessageContaining("device is lost");
            }
            assertThat(third.awaitAnswer()).isEqualTo(language.greedy(prompt, 20));
        }
    }
}
