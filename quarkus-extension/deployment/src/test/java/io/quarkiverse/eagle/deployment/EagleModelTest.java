package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkus.test.QuarkusUnitTest;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** The default model over the default bundle, with one slot so that a slot that is not freed shows. */
class EagleModelTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final Duration LONG = Duration.ofSeconds(60);

    @Inject
    EagleModel model;

    @Test
    void theInjectedModelAnswersAtOnce() {
        GenerationResult result = model.generate(question(24)).await().atMost(LONG);
        assertThat(result.text()).contains("Paris");
        assertThat(result.completionTokens()).isBetween(1, 24);
    }

    @Test
    void theStreamIsTheAnswerTokenByTokenAndEndsWithTheResult() {
        GenerationResult whole = model.generate(question(24)).await().atMost(LONG);
        List<GeneratedToken> tokens = model.stream(question(24)).collect().asList().await().atMost(LONG);
        GenerationResult result = tokens.get(tokens.size() - 1).result();
        assertThat(result.tokenIds()).isEqualTo(whole.tokenIds());
        assertThat(tokens.stream().mapToInt(GeneratedToken::id).toArray()).isEqualTo(whole.tokenIds());
        assertThat(String.join("", tokens.stream().map(GeneratedToken::text).toList())).isEqualTo(whole.text());
    }

    @Test
    void onlyAsManyTokensComeAsAreAskedFor() {
        AssertSubscriber<GeneratedToken> subscriber = model.stream(endless(40))
                .subscribe().withSubscriber(AssertSubscriber.create());
        for (int asked = 1; asked <= 40; asked++) {
            subscriber.awaitNextItem(LONG);
            assertThat(subscriber.getItems()).hasSize(asked);
        }
        subscriber.awaitCompletion(LONG);
        assertThat(subscriber.getLastItem().result().finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    void cancellingInTheMiddleFreesTheSlotForTheNextRequest() {
        AssertSubscriber<GeneratedToken> subscriber = model.stream(endless(1500))
                .subscribe().withSubscriber(AssertSubscriber.create(3));
        subscriber.awaitItems(3, LONG);
        subscriber.cancel();
        assertThat(model.generate(question(8)).await().atMost(Duration.ofSeconds(20)).text()).isNotEmpty();
        assertThat(subscriber.getItems()).hasSize(3);
    }

    @Test
    void tokensArriveOnWorkerThreadsWhichMayBlock() {
        Queue<String> threads = new ConcurrentLinkedQueue<>();
        model.stream(question(4)).invoke(token -> threads.add(Thread.currentThread().getName()))
                .collect().last().await().atMost(LONG);
        assertThat(threads).isNotEmpty().allMatch(name -> name.startsWith("executor-thread"));
    }

    private static GenerationRequest question(int tokens) {
        return GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(tokens));
    }

    /** Raw text that the model continues until the limit: counting has no end. */
    private static GenerationRequest endless(int tokens) {
        return GenerationRequest.raw("one, two, three, four, five, six, seven, eight,")
                .with(GenerationOptions.defaults().withMaxTokens(tokens));
    }
}
