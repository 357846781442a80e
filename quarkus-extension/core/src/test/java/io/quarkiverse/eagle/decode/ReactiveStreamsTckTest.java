package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;

import org.junit.jupiter.api.Test;
import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.FlowPublisherVerification;
import org.testng.ITestResult;
import org.testng.TestListenerAdapter;
import org.testng.TestNG;
import org.testng.annotations.AfterClass;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;

/** The stream of a generation keeps every rule of Reactive Streams: the specification's own kit says so. */
class ReactiveStreamsTckTest {

    private static final int MOST_TOKENS = 1000;

    /** Rules that a publisher must keep, over a generation of as many tokens as the kit wants. */
    public static class GenerationVerification extends FlowPublisherVerification<GeneratedToken> {

        private final ToyModel toy = ToyModel.of(ToyLanguage.endless()).slots(4).maxLength(2 * MOST_TOKENS).open();

        public GenerationVerification() {
            super(new TestEnvironment(2000, 200));
        }

        @AfterClass
        public void closeModel() {
            toy.close();
        }

        @Override
        public long maxElementsFromPublisher() {
            return MOST_TOKENS;
        }

        @Override
        public Flow.Publisher<GeneratedToken> createFlowPublisher(long elements) {
            return toy.model().stream(ToyModel.request(ToyModel.prompt(4, 1),
                    GenerationOptions.defaults().withMaxTokens((int) Math.max(1, Math.min(MOST_TOKENS, elements)))));
        }

        @Override
        public void optional_spec105_emptyStreamMustTerminateBySignallingOnComplete() {
            notVerified("a generation has at least one token");
        }

        /** A refused request. */
        @Override
        public Flow.Publisher<GeneratedToken> createFailedFlowPublisher() {
            return toy.model().stream(ToyModel.request(new int[0], GenerationOptions.defaults()));
        }
    }

    @Test
    void aGenerationKeepsTheRulesOfReactiveStreams() {
        TestListenerAdapter results = new TestListenerAdapter();
        TestNG kit = new TestNG(false);
        kit.setTestClasses(new Class<?>[] { GenerationVerification.class });
        kit.addListener(results);
        kit.setVerbose(0);
        kit.run();
        List<String> broken = new ArrayList<>();
        for (ITestResult result : results.getFailedTests()) {
            broken.add(result.getName() + ": " + result.getThrowable());
        }
        assertThat(results.getConfigurationFailures()).isEmpty();
        assertThat(broken).isEmpty();
        assertThat(results.getPassedTests()).hasSizeGreaterThan(25);
    }
}
